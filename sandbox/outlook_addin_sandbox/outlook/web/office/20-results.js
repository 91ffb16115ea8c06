// @ts-check
/**
 * The calling convention of Office.js: data first, then optional options, then an optional callback that
 * receives an AsyncResult.
 *
 * @typedef {{status: "succeeded" | "failed", value?: any, error?: OfficeError, asyncContext?: any}} AsyncResult
 * @typedef {(result: AsyncResult) => void} AsyncCallback
 */

/**
 * Split the arguments that follow a method's data.
 *
 * @param {any[]} rest
 * @returns {{options: Record<string, any>, asyncContext: any, callback: AsyncCallback}}
 */
function splitRest(rest) {
  const callback = rest.find((value) => typeof value === "function") ?? (() => {});
  const { asyncContext, ...options } = rest.find((value) => value && typeof value === "object") ?? {};
  return { options, asyncContext, callback };
}

/**
 * @param {Promise<any>} promise
 * @param {any[]} rest options and callback as the add-in gave them
 */
function settle(promise, rest) {
  const { asyncContext, callback } = splitRest(rest);
  promise.then(
    (value) => callback({ status: "succeeded", value, asyncContext }),
    (error) => callback({ status: "failed", value: undefined, error, asyncContext }),
  );
}

/**
 * One asynchronous Office.js method that the host answers.
 *
 * @param {string} method
 * @param {number} arity how many arguments are data
 */
function officeMethod(method, arity) {
  return (/** @type {any[]} */ ...args) => {
    const rest = args.slice(arity);
    settle(callHost(method, ...args.slice(0, arity), splitRest(rest).options), rest);
  };
}

/**
 * An object of such methods.
 *
 * @param {string} path name in front of the dot
 * @param {Record<string, number>} arities by method name
 * @returns {Record<string, any>}
 */
function officeObject(path, arities) {
  return Object.fromEntries(
    Object.entries(arities).map(([name, arity]) => [name, officeMethod(`${path}.${name}`, arity)]),
  );
}
