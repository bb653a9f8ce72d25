// Cuts GitHub's description of its API to the operations and webhooks that are listed beside this file, and the components
// that they reach: 13 MB become one. `node cut.cjs FROM TO`
const fs = require("node:fs");
const path = require("node:path");

const [from, to] = process.argv.slice(2);
const lines = (name) => new Set(fs.readFileSync(path.join(__dirname, name), "utf8").split("\n").filter(Boolean));
const whole = JSON.parse(fs.readFileSync(from, "utf8"));
const cut = { openapi: whole.openapi, info: { version: whole.info.version }, paths: {}, "x-webhooks": {}, components: {} };

// What tells people, and not programs.
const SAID = new Set(["description", "summary", "example", "examples", "externalDocs", "x-github", "x-octokit", "x-github-breaking-changes"]);
// Below `properties` such a name is a property.
const bare = (value, isNames) => {
  if (Array.isArray(value)) return value.map((item) => bare(item, false));
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([name]) => isNames || !SAID.has(name));
  return Object.fromEntries(kept.map(([name, item]) => [name, bare(item, !isNames && name === "properties")]));
};

const reach = (value) => {
  if (Array.isArray(value)) return value.forEach(reach);
  if (value === null || typeof value !== "object") return;
  for (const [name, item] of Object.entries(value)) {
    if (name !== "$ref" || typeof item !== "string") {
      reach(item);
      continue;
    }
    const [, , kind, component] = item.split("/");
    cut.components[kind] ??= {};
    if (component in cut.components[kind]) continue;
    cut.components[kind][component] = bare(whole.components[kind][component], false);
    reach(cut.components[kind][component]);
  }
};

const operations = lines("operations");
for (const [template, item] of Object.entries(whole.paths)) {
  for (const [method, operation] of Object.entries(item)) {
    if (!operations.delete(operation.operationId)) continue;
    cut.paths[template] ??= item.parameters ? { parameters: bare(item.parameters, false) } : {};
    cut.paths[template][method] = bare(operation, false);
  }
}
const webhooks = lines("webhooks");
for (const [name, item] of Object.entries(whole["x-webhooks"])) {
  if (webhooks.delete(name)) cut["x-webhooks"][name] = bare(item, false);
}
const missing = [...operations, ...webhooks];
if (missing.length > 0) throw new Error(`it describes no ${missing.join(", ")}`);
reach(cut.paths);
reach(cut["x-webhooks"]);
fs.writeFileSync(to, JSON.stringify(cut));
