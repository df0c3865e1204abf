/** The outcome of a conformance run as a page for people: one row a case, one column a backend. */
export type TableCell = { readonly name: string; readonly backend: string; readonly text: string }

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

/** @param about under what circumstances the run was made */
export function conformancePage(cells: readonly TableCell[], about: string): string {
  const backends = [...new Set(cells.map((cell) => cell.backend))]
  const names = [...new Set(cells.map((cell) => cell.name))]
  const textOf = (name: string, backend: string): string => cells.find((cell) => cell.name === name && cell.backend === backend)?.text ?? 'not run'
  return `# Conformance

Each case is a checkpoint with what Hugging Face transformers computes from it in float32. A case passes when every check does: hidden states
after every layer, logits within the case's float32 bound, greedy ids equal; for the whole model, for every split in two and every split in three, with the prompt
at once, in chunks, and token by token over the KV cache. Beside the number of checks: the largest error of any check as a share of its bound.

${about}

${[row(['case', ...backends]), row(['---', ...backends.map(() => '---')]), ...names.map((name) => row([name, ...backends.map((backend) => textOf(name, backend))]))].join('\n')}
`
}
