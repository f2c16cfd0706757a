// Compile to ES modules with declarations (tsc), and bundle for CommonJS and for pages (esbuild).
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

rmSync(here("dist"), { recursive: true, force: true });
execFileSync(process.execPath, [here("node_modules/typescript/bin/tsc"), "--project", here("tsconfig.json")], {
  stdio: "inherit",
});

const bundled = { bundle: true, target: "es2022", logLevel: "warning" };
await Promise.all([
  build({
    ...bundled,
    entryPoints: [here("src/index.ts")],
    outfile: here("dist/cjs/index.js"),
    format: "cjs",
    platform: "node",
  }),
  build({ ...bundled, entryPoints: [here("src/browser.ts")], outfile: here("dist/cjs/browser.js"), format: "cjs" }),
  build({
    ...bundled,
    entryPoints: [here("src/thumbs.ts")],
    outfile: here("dist/thumbs.min.js"),
    format: "esm",
    platform: "browser",
    target: ["chrome111", "firefox111", "safari16.4"],
    minify: true,
  }),
]);
// Declarations for CommonJS: the same files, in a folder that says so.
writeFileSync(here("dist/cjs/package.json"), '{ "type": "commonjs" }\n');
for (const name of readdirSync(here("dist"), { recursive: true })) {
  if (!name.endsWith(".d.ts") || name.startsWith("cjs")) continue;
  mkdirSync(dirname(here(`dist/cjs/${name}`)), { recursive: true });
  copyFileSync(here(`dist/${name}`), here(`dist/cjs/${name}`));
}
