import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { InteractionRequiredAuthError } from "@azure/msal-browser";
import { Credentials, identityOf, type Session, type SignIn } from "../src/credentials";
import { Problem } from "../src/problem";
import { signInProblem } from "../src/signin/accounts";
import { dialogSignIn } from "../src/signin/dialog";

const SESSION: Session = { accessToken: "a.b.c", identity: { tenantId: "t", objectId: "o" }, expires: 1_000_000 };

Object.assign(globalThis, { location: { origin: "https://addin.test" } });

type Handler = (received: object) => void;

/** An Office dialog host; `act` plays what happens once the dialog is open. */
class FakeUi {
  open = 0;
  refusal: number | null = null;

  constructor(private readonly act: (raise: (type: string, received: object) => void) => void) {}

  get ui(): Office.UI {
    const handlers: Record<string, Handler> = {};
    const dialog = {
      close: () => { this.open -= 1; },
      addEventHandler: (type: string, handler: Handler) => { handlers[type] = handler; },
    };
    const displayDialogAsync = (_url: string, _options: object, done: (result: object) => void) => {
      if (this.refusal !== null) { done({ status: "failed", error: { code: this.refusal } }); return; }
      this.open += 1;
      done({ status: "succeeded", value: dialog });
      setImmediate(() => { this.act((type, received) => handlers[type]?.(received)); });
    };
    return { displayDialogAsync } as unknown as Office.UI;
  }
}

async function ask(fake: FakeUi): Promise<Session> {
  return dialogSignIn("https://addin.test/addin/dialog.html", () => fake.ui).interactive();
}

function message(value: unknown, origin?: string): FakeUi {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return new FakeUi((raise) => { raise("dialogMessageReceived", { message: text, origin }); });
}

describe("the sign-in dialog", () => {
  test("hands over the session and closes", async () => {
    const fake = message({ kind: "session", session: SESSION }, "https://addin.test");
    assert.deepEqual(await ask(fake), SESSION);
    assert.equal(fake.open, 0);
  });

  for (const [what, fake] of Object.entries({
    "from another origin": message({ kind: "session", session: SESSION }, "https://evil.test"),
    "that is no JSON": message("hello"),
    "without a token": message({ kind: "session", session: { ...SESSION, accessToken: null } }),
  })) {
    test(`does not take a message ${what}`, async () => {
      await assert.rejects(ask(fake), problem("signInRefused"));
      assert.equal(fake.open, 0);
    });
  }

  test("tells why signing in failed", async () => {
    await assert.rejects(ask(message({ kind: "failed", code: "unreachable", detail: "msal x" })), problem("unreachable"));
  });

  test("closed by the agent is a cancelled sign-in", async () => {
    await assert.rejects(ask(new FakeUi((raise) => { raise("dialogEventReceived", { error: 12006 }); })), problem("signInCancelled"));
  });

  for (const [code, expected] of [[12007, "signInBusy"], [12009, "signInIgnored"], [12011, "signInBlocked"], [12004, "signInRefused"]] as const) {
    test(`that cannot open with ${code} is ${expected}`, async () => {
      const fake = new FakeUi(() => undefined);
      fake.refusal = code;
      await assert.rejects(ask(fake), problem(expected));
    });
  }
});

describe("credentials", () => {
  class CountingSignIn implements SignIn {
    readonly method = "dialog";
    asked = 0;
    async silent(): Promise<null> { return Promise.resolve(null); }
    async interactive(): Promise<Session> { this.asked += 1; return Promise.resolve(SESSION); }
  }

  test("are asked for once and used until a minute before they expire", async () => {
    let now = 0;
    const signIn = new CountingSignIn();
    const credentials = new Credentials(signIn, () => now);
    await credentials.obtain();
    await credentials.obtain();
    assert.equal(signIn.asked, 1);
    now = SESSION.expires - 60_000;
    assert.equal(await credentials.current(), null);
    await credentials.obtain();
    assert.equal(signIn.asked, 2);
  });
});

describe("who is signed in", () => {
  const account = { tenantId: "ACCOUNT-TENANT", objectId: "ACCOUNT-USER" };
  const token = (claims: unknown) => `h.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.s`;

  test("is what the token says, in lower case, as the server reads it", () => {
    assert.deepEqual(identityOf(token({ tid: "T1", oid: "U1", name: "Zoë >>>???" }), account), { tenantId: "t1", objectId: "u1" });
  });

  test("is the account where the token is not readable", () => {
    for (const opaque of ["", "opaque", "a.b.c", token(["x"]), token({ tid: 1 })]) {
      assert.deepEqual(identityOf(opaque, account), { tenantId: "account-tenant", objectId: "account-user" });
    }
  });
});

describe("sign-in errors", () => {
  test("are told apart by MSAL's code and keep the number that administrators search for", () => {
    const error = Object.assign(new InteractionRequiredAuthError("consent_required", ""), {
      errorMessage: "AADSTS65001: anna@bank.test has not consented",
    });
    const { code, detail } = signInProblem(error);
    assert.equal(code, "signInRefused");
    assert.match(detail, /consent_required AADSTS65001$/u);
    assert.ok(!detail.includes("anna"));
  });

  test("of a closed window are a cancellation", () => {
    assert.equal(signInProblem(Object.assign(new Error("x"), { errorCode: "user_cancelled" })).code, "signInCancelled");
  });
});

function problem(code: string) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}
