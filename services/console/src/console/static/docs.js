"use strict";
// Shows openapi.json. "Try it out" sends requests to this host, with the session of who is signed in or with a key.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null, // by default, the document's address is sent to a server of the library's authors
});
