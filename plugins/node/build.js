// Makes build/cronix-backend-node, the plugin as one file. A sum in a manifest covers one file only.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import protobuf from "protobufjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Write a file whole, as somebody may read or run the one that is there. */
function replace(path, content, mode = 0o644) {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, content, { mode });
  renameSync(fresh, path);
}

mkdirSync(here("build"), { recursive: true });

// The contract as data, so that no start parses backend.proto.
const root = new protobuf.Root();
root.loadSync(here("../../spec/plugin/backend.proto"), { keepCase: true });
replace(
  here("build/contract.mjs"),
  `// From spec/plugin/backend.proto, by build.js.\nexport default ${JSON.stringify(root.toJSON())};\n`,
);

// The bundle is CommonJS, whatever the package around it is. Alone it needs no such file.
replace(here("build/package.json"), '{ "type": "commonjs" }\n');

const { outputFiles } = await build({
  entryPoints: [here("src/main.js")],
  bundle: true,
  write: false,
  platform: "node",
  target: "node20",
  format: "cjs",
  minify: true,
  legalComments: "inline",
  banner: { js: "#!/usr/bin/env node" },
});
replace(here("build/cronix-backend-node"), outputFiles[0].contents, 0o755);
console.log("built: plugins/node/build/cronix-backend-node");
