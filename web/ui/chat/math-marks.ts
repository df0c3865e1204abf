/** Formulas in Markdown: `$…$`, `$$…$$`, `\(…\)`, `\[…\]`. Which text is one, and what stands in for it until it is drawn. */
import type { TokenizerAndRendererExtension, Tokens } from 'marked'

/** A dollar is one of money when a space follows the first or a digit the last. */
const INLINE = /^(?:\\\(([^\n]+?)\\\)|\\\[([^\n]+?)\\\]|\$\$([^\n$]+?)\$\$|\$(?![\s$])((?:\\.|[^$`\\\n])*?[^\s$`\\])\$(?![\d$]))/
const BLOCK = /^(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n|$)/
/** Whole formulas anywhere in a text. */
const ANYWHERE = /\\\([^\n]+?\\\)|\\\[[\s\S]+?\\\]|\$\$[\s\S]+?\$\$|\$(?![\s$])(?:\\.|[^$`\\\n])*?[^\s$`\\]\$(?![\d$])/g
const CODE = /(`+)[\s\S]*?\1/g

type MathToken = Tokens.Generic & { readonly tex: string }
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function extension(name: string, level: 'inline' | 'block', pattern: RegExp): TokenizerAndRendererExtension {
  const tag = level === 'block' ? 'div' : 'span'
  return {
    name,
    level,
    start: (source) => {
      // A block begins where a line does.
      const found = (level === 'block' ? /(?<=^|\n)(?:\$\$|\\\[)/ : /\$|\\[([]/).exec(source)
      return found?.index
    },
    tokenizer: (source): MathToken | undefined => {
      const found = pattern.exec(source)
      const tex = found?.slice(1).find((part) => part !== undefined)
      return found && tex !== undefined ? { type: name, raw: found[0], tex: tex.trim() } : undefined
    },
    renderer: (token) => `<${tag} data-math="${level}">${escaped(String(token['tex']))}</${tag}>`,
  }
}
export const mathExtensions: readonly TokenizerAndRendererExtension[] = [
  extension('blockMath', 'block', BLOCK),
  extension('inlineMath', 'inline', INLINE),
]

const blank = (text: string): string => 'x'.repeat(text.length)
/** The text with whole formulas blanked out, letter for letter: what is in them is no Markdown. */
export const maskedMath = (text: string): string => text.replace(ANYWHERE, blank)

/** The text without a formula at its end that is not complete. A single dollar may be money, so it stays. */
export function withoutHalfMath(text: string): string {
  const rest = text.replace(CODE, blank).replace(ANYWHERE, blank)
  const starts = ['$$', '\\(', '\\['].map((mark) => rest.lastIndexOf(mark)).filter((at) => at >= 0)
  const half = Math.min(...starts)
  return Number.isFinite(half) ? text.slice(0, half).trimEnd() : text.endsWith('\\') ? text.slice(0, -1) : text
}
