/** Whether no value can match two of several schemas: `oneOf` is then the same as `anyOf`, which a grammar can say. */
import { dereference, kindsOf, nodeOf, type SchemaNode, type SchemaObject } from './schema-nodes.ts'

const valuesOf = (schema: SchemaObject): readonly unknown[] | null =>
  schema['const'] !== undefined ? [schema['const']] : Array.isArray(schema['enum']) ? schema['enum'] : null

/** The property schemas that must be there and name their values. */
function tagsOf({ schema, root, param }: SchemaNode): ReadonlyMap<string, readonly unknown[]> {
  const tags = new Map<string, readonly unknown[]>()
  if (typeof schema === 'boolean' || !Array.isArray(schema['required'])) return tags
  for (const [name, inner] of Object.entries(schema['properties'] ?? {})) {
    const { schema: property } = dereference(nodeOf(inner, `${param}.properties.${name}`, root))
    const values = typeof property === 'boolean' ? null : valuesOf(property)
    if (values && schema['required'].includes(name)) tags.set(name, values)
  }
  return tags
}

const share = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.some((value) => b.some((other) => JSON.stringify(value) === JSON.stringify(other)))

function areDisjoint(a: SchemaNode, b: SchemaNode): boolean {
  if (a.schema === false || b.schema === false) return true
  if (typeof a.schema === 'boolean' || typeof b.schema === 'boolean') return false
  const [someValues, otherValues] = [valuesOf(a.schema), valuesOf(b.schema)]
  if (someValues && otherValues && !share(someValues, otherValues)) return true
  const [some, others] = [kindsOf(a.schema, a.param), kindsOf(b.schema, b.param)].map((kinds) =>
    kinds?.map((kind) => (kind === 'integer' ? 'number' : kind)),
  )
  if (some && others && !share(some, others)) return true
  const tags = tagsOf(b)
  return [...tagsOf(a)].some(([name, values]) => {
    const other = tags.get(name)
    return other !== undefined && !share(values, other)
  })
}

export const areAllDisjoint = (nodes: readonly SchemaNode[]): boolean =>
  nodes.map((node) => dereference(node)).every((node, at, all) => all.slice(at + 1).every((other) => areDisjoint(node, other)))
