import assert from "node:assert/strict";
import { test } from "node:test";
import { isUuid, randomUuid, uuid5 } from "../src/uuid";

test("a name-based UUID is the one of RFC 9562", async () => {
  // Appendix A.4: www.example.com in the namespace for domain names.
  assert.equal(await uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
});

test("only lower-case UUIDs are taken from an event", () => {
  assert.ok(isUuid(randomUuid()));
  for (const other of [undefined, 5, "", "x", "2ED6657D-E927-568B-95E1-2665A8AEA6A2", `${randomUuid()} `]) assert.ok(!isUuid(other));
});
