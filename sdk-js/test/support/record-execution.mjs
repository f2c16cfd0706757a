// Record the execution of the API that is read from the standard input, by the client's own names of fields.
import { readFileSync } from "node:fs";

import { Ratchet } from "../../dist/index.js";

const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const { tools, ...fields } = JSON.parse(readFileSync(0, "utf8"));
const renamed = (item) => Object.fromEntries(Object.entries(item).map(([name, value]) => [camel(name), value]));
const client = new Ratchet();
client.record({ ...renamed(fields), tools: tools.map(renamed) });
if (!(await client.close())) throw new Error("not sent");
