"""Print the gateway's nginx configuration, generated from the routing table: `python -m deploy.docker.gateway`."""

from ratchet_local.routes import BELOW_TEMPLATES, BULK, LARGE_BODIES, ROUTES, STREAMS, TEMPLATES

_FRAME = """\
# Made by `python -m deploy.docker.gateway` from ratchet_local.routes; a test compares them.
events {{
  worker_connections 4096;
}}

http {{
  include mime.types;
  access_log off;
  server_tokens off;

  # A client that trickles its request holds nothing but a slot here.
  client_header_timeout 5s;
  client_body_timeout 10s;
  client_max_body_size 3m;
  send_timeout 30s;
  keepalive_timeout 30s;
  limit_conn_zone $binary_remote_addr zone=clients:10m;
  limit_conn clients 512;

  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header Connection "";
  proxy_connect_timeout 2s;
  proxy_read_timeout 60s;

  server {{
    listen 8080;
    location = /health/live {{
      default_type application/json;
      return 200 '{{"status": "live"}}';
    }}
    location = /health/ready {{
      proxy_pass http://gatekeeper:8000;
    }}
{locations}
    location /v1/ {{
      default_type application/problem+json;
      return 404 '{{"type": "about:blank", "title": "Not Found", "status": 404, "code": "not-found"}}';
    }}
    location = /metrics {{
      return 404;
    }}
    location = /events {{
      proxy_pass http://console:8000;
      proxy_buffering off;
      proxy_read_timeout 1h;
    }}
    location / {{
      # A path that only becomes a page's by decoding: what browsers send along for the API is not the console's.
      if ($request_uri ~ ^/v1) {{
        return 404;
      }}
      proxy_pass http://console:8000;
    }}
  }}
}}
"""

_STREAM = """
      proxy_buffering off;
      proxy_read_timeout 1h;"""


def configuration() -> str:
    """Return nginx.conf. Metrics are not routed: Prometheus scrapes each service."""
    below = (
        f"""    location ~ ^{TEMPLATES}.+{ending}$ {{
      proxy_pass http://{service}:8000;
    }}"""
        for ending, service in BELOW_TEMPLATES.items()
    )
    # nginx takes the first expression that matches.
    locations = (*below, *(_location(path, service) for path, service in ROUTES.items()))
    return _FRAME.format(locations="\n".join(locations))


def _location(path: str, service: str) -> str:
    """Return the location of a path and all paths below it."""
    stream = _STREAM if path in STREAMS else ""
    large = f"\n      client_max_body_size {LARGE_BODIES[path]}m;" if path in LARGE_BODIES else ""
    bulk = "\n      proxy_request_buffering off;" if path in BULK else ""
    return f"""    location ~ ^{path}(/|$) {{
      proxy_pass http://{service}:8000;{stream}{large}{bulk}
    }}"""


if __name__ == "__main__":
    print(configuration(), end="")
