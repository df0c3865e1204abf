/** Repositories of a hub that speaks as huggingface.co does: files at `ENDPOINT/ORG/NAME/resolve/REVISION/FILE`. */
import { ClusterError } from '../../protocol/errors.ts'
import { isModelId } from '../../protocol/ids.ts'
import type { HttpSourceOptions } from './http-file.ts'
import { httpSource } from './http-source.ts'
import type { ModelSource } from './model-source.ts'

const REVISION = /^[\w.-]+(?:\/[\w.-]+)*$/

/**
 * Base URL of the files that `hf:ORG/NAME` or `hf:ORG/NAME@REVISION` names; a branch, tag or commit, `main` when none is given.
 * @throws {ClusterError} invalid_value
 */
export function hubUrl(reference: string, endpoint: string): string {
  const [, repository, revision = 'main'] = /^hf:([^@]+)(?:@(.+))?$/.exec(reference) ?? []
  if (!isModelId(repository) || !repository.includes('/') || !REVISION.test(revision) || revision.includes('..')) {
    throw new ClusterError('invalid_value', `a model of the hub is written hf:ORG/NAME or hf:ORG/NAME@REVISION, not ${reference.slice(0, 100)}`)
  }
  return `${endpoint.replace(/\/+$/, '')}/${repository}/resolve/${encodeURIComponent(revision)}`
}

/** @throws {ClusterError} invalid_value */
export const hubSource = (reference: string, endpoint: string, options: HttpSourceOptions): ModelSource =>
  httpSource(hubUrl(reference, endpoint), options)
