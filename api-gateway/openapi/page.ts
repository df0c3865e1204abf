/** The OpenAPI document as a page of plain HTML: no script, and one stylesheet of this origin. */
import { needOf } from '../http/authorize.ts'
import { schemaOf, openApiPath, type JsonSchema } from './document.ts'
import type { Operation } from './operation.ts'
import { OPERATIONS } from './operations.ts'

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (mark) => ESCAPES[mark] ?? '')

/** A field that may be left out may also be null: that is not worth a word. */
const nameOf = (type: unknown): string =>
  [type]
    .flat()
    .filter((name) => typeof name === 'string' && name !== 'null')
    .join(' or ') || 'anything'

/** In words short enough for a table: `string or list of string`. */
function typeOf(schema: JsonSchema | boolean): string {
  if (typeof schema === 'boolean') return 'anything'
  const { type, items } = schema
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(', ')
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return [...new Set(choices.map(typeOf))].filter((name) => name !== 'null').join(' or ')
  const one = Array.isArray(items) ? items[0] : items
  if (type === 'array') return one === undefined ? 'list' : `list of ${typeOf(one)}`
  return nameOf(type)
}

function boundsOf(schema: JsonSchema | boolean): string {
  if (typeof schema === 'boolean') return ''
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = [schema, ...(schema.anyOf ?? [])].find(
    (one) => typeof one !== 'boolean' && one.type !== 'null' && one.anyOf === undefined,
  ) ?? { minimum: undefined }
  const large = (value: number | undefined): number | undefined =>
    value !== undefined && Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value
  const [least, most] = [large(minimum) ?? minLength ?? minItems, large(maximum) ?? maxLength ?? maxItems]
  return least === undefined && most === undefined ? '' : `${least ?? ''} … ${most ?? ''}`
}

function fieldsOf(schema: JsonSchema): string {
  const rows = Object.entries(schema.properties ?? {}).map(
    ([name, field]) =>
      `<tr><td><code>${escaped(name)}</code>${schema.required?.includes(name) ? ' <b>required</b>' : ''}</td><td>${escaped(typeOf(field))}</td><td>${escaped(boundsOf(field))}</td></tr>`,
  )
  return `<table><thead><tr><th>field</th><th>is</th><th>bounds</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function sectionOf({ method, path, summary, body, query, example }: Operation): string {
  const need = needOf(path.replaceAll(/[*:]/g, ''))
  const key = need === null ? 'no key needed' : need === 'any' ? 'with keys: any key or join token' : `with keys: scope ${need}`
  return [
    `<section id="${escaped(`${method}${path}`)}"><h3><b>${method}</b> <code>${escaped(openApiPath(path))}</code></h3><p>${escaped(summary)} <small>${key}</small></p>`,
    ...(query ? [fieldsOf(schemaOf(query))] : []),
    ...(body ? [`<details><summary>Body</summary>${fieldsOf(schemaOf(body))}</details>`] : []),
    ...(example ? [`<pre>${escaped(JSON.stringify(example, null, 2))}</pre>`] : []),
    '</section>',
  ].join('')
}

const anchorOf = (tag: string): string => tag.toLowerCase().replaceAll(/[^a-z]+/g, '-')

export function openApiPage(): string {
  const tags = [...new Set(OPERATIONS.map(({ tag }) => tag))]
  const chapters = tags.map(
    (tag) =>
      `<h2 id="${anchorOf(tag)}">${escaped(tag)}</h2>${OPERATIONS.filter((one) => one.tag === tag)
        .map(sectionOf)
        .join('')}`,
  )
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    '<title>Ringlet: HTTP API</title><link rel="stylesheet" href="/docs.css"></head><body><main><h1>HTTP API</h1>',
    '<p>Made from what requests are checked with. The same for programs: <a href="/openapi.json">openapi.json</a>. Back to <a href="/">the chat</a>.</p>',
    `<nav aria-label="Chapters">${tags.map((tag) => `<a href="#${anchorOf(tag)}">${escaped(tag)}</a>`).join(' ')}</nav>`,
    ...chapters,
    '</main></body></html>',
  ].join('')
}
