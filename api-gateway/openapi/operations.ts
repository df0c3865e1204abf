import { CLUSTER_OPERATIONS } from './cluster-operations.ts'
import { INFERENCE_OPERATIONS } from './inference-operations.ts'
import type { Operation } from './operation.ts'

/** Every route of the gateway; a test compares it with the routers. */
export const OPERATIONS: readonly Operation[] = [...INFERENCE_OPERATIONS, ...CLUSTER_OPERATIONS]

/** Methods of a path without parameters; empty = there is nothing. */
export const methodsOf = (path: string): readonly string[] => OPERATIONS.filter((one) => one.path === path).map(({ method }) => method)

/** Patterns of the paths that read a JSON body with `method`. */
export const pathsWithBody = (method: Operation['method']): string[] =>
  OPERATIONS.filter((one) => one.method === method && one.body !== undefined).map(({ path }) => path)
