/** UUIDs: random ones, and name-based ones of version 5 (RFC 9562 section 5.5). */

const PATTERN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;

export function isUuid(value: unknown): value is string {
  return typeof value === "string" && PATTERN.test(value);
}

export function randomUuid(): string {
  return crypto.randomUUID();
}

/** The same name in the same namespace (itself a UUID) always gives the same UUID. */
export async function uuid5(namespace: string, name: string): Promise<string> {
  const prefix = Uint8Array.from(namespace.replaceAll("-", "").match(/../gu) ?? [], (pair) => Number.parseInt(pair, 16));
  const suffix = new TextEncoder().encode(name);
  const input = new Uint8Array(prefix.length + suffix.length);
  input.set(prefix);
  input.set(suffix, prefix.length);
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-1", input)).slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/u, "$1-$2-$3-$4-$5");
}
