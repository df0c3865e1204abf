import { childOf, dereference, kindsOf, nodeOf, type SchemaNode, type SchemaObject } from './schema-nodes.ts'

/** Tells whether some value of finite size can match: a list of required parts that each need themselves never ends. */
export function createEndCheck(): (node: SchemaNode) => boolean {
  const known = new Set<SchemaObject>()

  function ends(node: SchemaNode, open: ReadonlySet<SchemaObject>): boolean {
    const found = dereference(node)
    const { schema } = found
    if (typeof schema === 'boolean') return schema
    if (known.has(schema)) return true
    // The smallest value of a schema has no value of the same schema within it.
    if (open.has(schema)) return false
    const result = endsWithin({ ...found, schema }, new Set([...open, schema]))
    if (result) known.add(schema)
    return result
  }

  function endsWithin(node: SchemaNode & { readonly schema: SchemaObject }, open: ReadonlySet<SchemaObject>): boolean {
    const { schema } = node
    const parts = (key: string): readonly unknown[] => (Array.isArray(schema[key]) ? schema[key] : [])
    const part = (inner: unknown, key: string): boolean => ends(nodeOf(inner, `${node.param}.${key}`, node.root), open)
    if (schema['enum'] !== undefined || schema['const'] !== undefined) return true
    if (schema['allOf'] !== undefined) return parts('allOf').every((inner) => part(inner, 'allOf'))
    for (const key of ['anyOf', 'oneOf']) if (schema[key] !== undefined) return parts(key).some((inner) => part(inner, key))
    const kinds = kindsOf(schema, node.param)
    if (kinds === null || kinds.some((kind) => kind !== 'object' && kind !== 'array')) return true
    return (kinds.includes('array') && arrayEnds(node, open)) || (kinds.includes('object') && objectEnds(node, open))
  }

  function objectEnds(node: SchemaNode & { readonly schema: SchemaObject }, open: ReadonlySet<SchemaObject>): boolean {
    const { required } = node.schema
    const properties = new Map(Object.entries(node.schema['properties'] ?? {}))
    const names = Array.isArray(required) ? required.map(String) : []
    return names.every((name) => ends(childOf(node, properties.get(name) ?? true, `properties.${name}`), open))
  }

  function arrayEnds(node: SchemaNode & { readonly schema: SchemaObject }, open: ReadonlySet<SchemaObject>): boolean {
    const { minItems, items, prefixItems } = node.schema
    const least = typeof minItems === 'number' ? minItems : 0
    const first: readonly unknown[] = Array.isArray(prefixItems) ? prefixItems : Array.isArray(items) ? items : []
    const rest = Array.isArray(items) ? (node.schema['additionalItems'] ?? true) : (items ?? true)
    const needed = [...first.slice(0, least), ...(least > first.length ? [rest] : [])]
    return needed.every((inner) => ends(childOf(node, inner, 'items'), open))
  }

  return (node) => ends(node, new Set())
}
