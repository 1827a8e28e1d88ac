// Makes build/cronix-backend-node, the plugin as one file. A sum in a manifest covers one file only.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import protobuf from "protobufjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = here("build/cronix-backend-node");

mkdirSync(here("build"), { recursive: true });

// The contract as data, so that no start parses backend.proto.
const root = new protobuf.Root();
root.loadSync(here("../../spec/plugin/backend.proto"), { keepCase: true });
writeFileSync(
  here("build/contract.mjs"),
  `// From spec/plugin/backend.proto, by build.js.\nexport default ${JSON.stringify(root.toJSON())};\n`,
);

// The bundle is CommonJS, whatever the package around it is. Alone it needs no such file.
writeFileSync(here("build/package.json"), '{ "type": "commonjs" }\n');

await build({
  entryPoints: [here("src/main.js")],
  outfile: target,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  minify: true,
  legalComments: "inline",
  banner: { js: "#!/usr/bin/env node" },
});
chmodSync(target, 0o755);
console.log("built: plugins/node/build/cronix-backend-node");
