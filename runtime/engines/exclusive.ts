/**
 * ONNX Runtime takes one call at a time: two runs on one device, or a run beside the creation of a session, fail or corrupt each
 * other (https://github.com/microsoft/onnxruntime/issues/32561). Shards of several models and epochs share one instance.
 */
const tails = new WeakMap<object, Promise<unknown>>()

/** Runs `task` after every task given before it for the same `owner`, whether those succeeded or not. */
export function exclusive<Result>(owner: object, task: () => Promise<Result>): Promise<Result> {
  const before = tails.get(owner) ?? Promise.resolve()
  const result = before.then(task, task)
  tails.set(
    owner,
    result.catch(() => undefined),
  )
  return result
}
