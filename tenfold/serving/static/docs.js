// Shows the OpenAPI document of this server: no more than reading it needs.

import { element } from "./view.js";

const CURL = {
  "/v1/read": "--data-binary @photo.jpg -H 'Content-Type: image/jpeg'",
  "/v1/predict": "--data-binary @digit.png -H 'Content-Type: image/png'",
  "/v1/looked": "--data-binary @digit.png -H 'Content-Type: image/png'",
  "/v1/feedback": `--json "{\\"picture\\": \\"$(base64 -w0 photo.jpg)\\", \\"digit\\": 0, \\"truth\\": 7}"`,
};

/** A schema in short: {"text": string, "digits": [...]}. */
function shape(schema, indent = "") {
  if (!schema) return "";
  if (schema.anyOf) return schema.anyOf.map((part) => shape(part, indent)).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.prefixItems) return `[${schema.prefixItems.map((part) => shape(part, indent)).join(", ")}]`;
  if (schema.type === "array") {
    const size = schema.minItems === schema.maxItems && schema.minItems !== undefined ? ` × ${schema.minItems}` : ", ...";
    return `[${shape(schema.items, indent) || "any"}${size}]`;
  }
  if (schema.properties) {
    const inner = `${indent}  `;
    const required = new Set(schema.required);
    const lines = Object.entries(schema.properties).map(
      ([name, part]) => `${inner}${name}${required.has(name) ? "" : "?"}: ${shape(part, inner)}`,
    );
    return `{\n${lines.join(",\n")}\n${indent}}`;
  }
  if (schema.minimum !== undefined && schema.maximum !== undefined) return `${schema.minimum} to ${schema.maximum}`;
  if (schema.format === "binary") return "bytes";
  if (schema.contentEncoding) return schema.contentEncoding;
  return [schema.type].flat().join(" or ");
}

const heading = (text) => element("h3", { textContent: text });
const block = (text) => element("pre", { tabIndex: 0 }, [element("code", { textContent: text })]);

function table(rows) {
  const cells = rows.map(([name, text]) =>
    element("tr", {}, [element("td", { textContent: name }), element("td", { textContent: text })]),
  );
  return element("table", {}, [element("tbody", {}, cells)]);
}

function operation(path, method, said) {
  const parts = [];
  const query = said.parameters?.filter((one) => one.in === "query") ?? [];
  if (query.length) parts.push(heading("Query"), table(query.map((one) => [one.name, shape(one.schema)])));
  for (const [type, { schema }] of Object.entries(said.requestBody?.content ?? {}))
    parts.push(heading(`Body: ${type}`), block([shape(schema), schema.description].filter(Boolean).join("\n")));
  const [good, ...bad] = Object.entries(said.responses).sort(([a], [b]) => a - b);
  for (const [type, { schema }] of Object.entries(good[1].content ?? {}))
    parts.push(heading(`${good[0]}: ${type}`), block(shape(schema)));
  if (bad.length) parts.push(heading("Errors"), table(bad.map(([status, { description }]) => [status, description])));
  const sends = CURL[path] && method === "post" ? ` ${CURL[path]}` : "";
  if (sends || method === "get") parts.push(heading("curl"), block(`curl ${location.origin}${path}${sends}`));
  const summary = element("summary", {}, [
    element("b", { className: `method ${method}`, textContent: method.toUpperCase() }),
    element("code", { textContent: path }),
    element("span", { textContent: (said.description ?? "").split("\n")[0] }),
  ]);
  return element("details", { className: "operation" }, [summary, element("div", {}, parts)]);
}

const document_ = await (await fetch("/openapi.json")).json();
const operations = Object.entries(document_.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, said]) => operation(path, method, said)),
);
const main = document.getElementById("operations");
main.append(...operations);
main.setAttribute("aria-busy", "false");
