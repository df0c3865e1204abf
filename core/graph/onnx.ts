/** Writes ONNX protobuf (onnx/onnx.proto, IR version 10) for the few message fields a generated graph needs. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

export const ELEMENT_TYPE = { f32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, f16: 10 } as const
export type ElementType = keyof typeof ELEMENT_TYPE
export const ELEMENT_BYTES = { f32: 4, uint8: 1, int8: 1, int32: 4, int64: 8, f16: 2 } as const satisfies Record<ElementType, number>

/** Number by default is a float; `int` marks integers, since ONNX types attributes. */
export type Attribute = { readonly float: number } | { readonly int: number } | { readonly ints: readonly number[] } | { readonly text: string }
export type GraphNode = {
  readonly name: string
  readonly op: string
  readonly domain: '' | 'com.microsoft'
  /** Empty names are missing optional inputs. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}
/** A dimension is a number or a symbol. */
export type GraphValue = { readonly name: string; readonly type: ElementType; readonly dims: readonly (number | string)[] }
export type Initializer = {
  readonly name: string
  readonly type: ElementType
  readonly dims: readonly number[]
  /** Bytes inside the protobuf, or null when they come as external data under the initializer's name. */
  readonly inline: Uint8Array | null
}
export type Graph = {
  readonly name: string
  readonly nodes: readonly GraphNode[]
  readonly inputs: readonly GraphValue[]
  readonly outputs: readonly GraphValue[]
  readonly initializers: readonly Initializer[]
}

const IR_VERSION = 10
/** Standard operators of opset 21 and the contributed ones, as onnxruntime-genai emits. */
const OPSETS = [
  { domain: '', version: 21 },
  { domain: 'com.microsoft', version: 1 },
] as const
const ATTRIBUTE_TYPE = { float: 1, int: 2, text: 3, ints: 7 } as const
const DATA_LOCATION_EXTERNAL = 1

const text = (writer: BinaryWriter, field: number, value: string): BinaryWriter => writer.tag(field, WireType.LengthDelimited).string(value)
const integer = (writer: BinaryWriter, field: number, value: number): BinaryWriter => writer.tag(field, WireType.Varint).int64(value)
function message(writer: BinaryWriter, field: number, write: (writer: BinaryWriter) => void): void {
  writer.tag(field, WireType.LengthDelimited).fork()
  write(writer)
  writer.join()
}

export const elementCount = (dims: readonly number[]): number => dims.reduce((product, n) => product * n, 1)

function writeAttribute(writer: BinaryWriter, name: string, attribute: Attribute): void {
  text(writer, 1, name)
  if ('float' in attribute) {
    writer.tag(2, WireType.Bit32).float(attribute.float)
    integer(writer, 20, ATTRIBUTE_TYPE.float)
  } else if ('int' in attribute) {
    integer(writer, 3, attribute.int)
    integer(writer, 20, ATTRIBUTE_TYPE.int)
  } else if ('text' in attribute) {
    text(writer, 4, attribute.text)
    integer(writer, 20, ATTRIBUTE_TYPE.text)
  } else {
    for (const value of attribute.ints) integer(writer, 8, value)
    integer(writer, 20, ATTRIBUTE_TYPE.ints)
  }
}

function writeNode(writer: BinaryWriter, node: GraphNode): void {
  for (const input of node.inputs) text(writer, 1, input)
  for (const output of node.outputs) text(writer, 2, output)
  text(writer, 3, node.name)
  text(writer, 4, node.op)
  for (const [name, attribute] of Object.entries(node.attributes)) message(writer, 5, (inner) => writeAttribute(inner, name, attribute))
  text(writer, 7, node.domain)
}

/** Virtual file of an external initializer: ORT refuses absolute paths, and node addresses begin with a slash. */
export const externalPath = (name: string): string => name.replace(/^\//, '')

function writeInitializer(writer: BinaryWriter, { name, type, dims, inline }: Initializer): void {
  for (const dim of dims) integer(writer, 1, dim)
  integer(writer, 2, ELEMENT_TYPE[type])
  text(writer, 8, name)
  if (inline) {
    writer.tag(9, WireType.LengthDelimited).bytes(inline)
    return
  }
  const entries = { location: externalPath(name), offset: '0', length: String(elementCount(dims) * ELEMENT_BYTES[type]) }
  for (const [key, value] of Object.entries(entries)) {
    message(writer, 13, (entry) => {
      text(entry, 1, key)
      text(entry, 2, value)
    })
  }
  integer(writer, 14, DATA_LOCATION_EXTERNAL)
}

function writeValue(writer: BinaryWriter, { name, type, dims }: GraphValue): void {
  text(writer, 1, name)
  message(writer, 2, (typeProto) =>
    message(typeProto, 1, (tensor) => {
      integer(tensor, 1, ELEMENT_TYPE[type])
      message(tensor, 2, (shape) => {
        for (const dim of dims) message(shape, 1, (proto) => void (typeof dim === 'number' ? integer(proto, 1, dim) : text(proto, 2, dim)))
      })
    }),
  )
}

/** The bytes of a ModelProto. */
export function writeModel(graph: Graph): Uint8Array {
  const writer = new BinaryWriter()
  integer(writer, 1, IR_VERSION)
  text(writer, 2, 'ringlet')
  message(writer, 7, (body) => {
    for (const node of graph.nodes) message(body, 1, (inner) => writeNode(inner, node))
    text(body, 2, graph.name)
    for (const initializer of graph.initializers) message(body, 5, (inner) => writeInitializer(inner, initializer))
    for (const input of graph.inputs) message(body, 11, (inner) => writeValue(inner, input))
    for (const output of graph.outputs) message(body, 12, (inner) => writeValue(inner, output))
  })
  for (const opset of OPSETS) {
    message(writer, 8, (inner) => {
      text(inner, 1, opset.domain)
      integer(inner, 2, opset.version)
    })
  }
  return writer.finish()
}
