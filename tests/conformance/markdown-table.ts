/** The outcome of a conformance run as a page for people: one row a case, one column a backend. */
export type TableCell = { readonly name: string; readonly backend: string; readonly text: string }

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

/** A case that runs once, without a backend. */
export type GroupRow = { readonly name: string; readonly checks: number; readonly text: string }

function groupTable(groups: readonly GroupRow[]): string {
  if (groups.length === 0) return ''
  return `
## Blocks, tokenizers, chat templates, sampling

Exact: token ids, texts and streams (of the tokenizers within GGUF files too), rendered prompts and refusals; final probabilities and logprobs
within 1e-12, and draws equal. Blocks of a single product equal bit for bit, the others within 3e-7 of the block's largest value.

${[row(['case', 'checks', 'result']), row(['---', '---', '---']), ...groups.map(({ name, checks, text }) => row([name, String(checks), text]))].join('\n')}
`
}

/** @param about under what circumstances the run was made */
export function conformancePage(cells: readonly TableCell[], groups: readonly GroupRow[], about: string): string {
  const backends = [...new Set(cells.map((cell) => cell.backend))]
  const names = [...new Set(cells.map((cell) => cell.name))]
  const textOf = (name: string, backend: string): string => cells.find((cell) => cell.name === name && cell.backend === backend)?.text ?? 'not run'
  return `# Conformance

Each case of arch and gguf is a checkpoint with what Hugging Face transformers computes from it in float32. A case passes when every check does: hidden states
after every layer, logits within the case's float32 bound, greedy ids equal; for the whole model, for every split in two and every split in three, with the prompt
at once, in chunks, and token by token over the KV cache. Beside the number of checks: the largest error of any check as a share of its bound.

${about}

${[row(['case', ...backends]), row(['---', ...backends.map(() => '---')]), ...names.map((name) => row([name, ...backends.map((backend) => textOf(name, backend))]))].join('\n')}
${groupTable(groups)}`
}
