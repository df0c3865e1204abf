/** Markdown to HTML, block by block. The result is NOT safe yet: it goes through `safe-fragment.ts` before a page shows it. */
import { Marked, type Tokens } from 'marked'
import { mathExtensions } from './math-marks.ts'

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[character] ?? character)

const marked = new Marked({ gfm: true, breaks: true })
marked.use({
  extensions: [...mathExtensions],
  renderer: {
    /** Raw HTML is shown as the text it is. */
    html: ({ text, block }: Tokens.HTML | Tokens.Tag) => (block ? `<p>${escapeHtml(text.trim())}</p>` : escapeHtml(text)),
    /** A remote image would tell its host what is read here, and when. */
    image: ({ text }: Tokens.Image) => `<em data-blocked="image">image not loaded${text ? `: ${escapeHtml(text)}` : ''}</em>`,
    code: ({ text, lang }: Tokens.Code) => {
      const language = /^[\w+#.-]{1,20}/.exec(lang ?? '')?.[0] ?? ''
      return `<pre data-language="${escapeHtml(language)}"><code>${escapeHtml(text)}</code></pre>`
    },
    checkbox: ({ checked }: Tokens.Checkbox) => (checked ? '☑ ' : '☐ '),
  },
})

/** HTML of each top-level block of `source`, so that a growing answer redraws only its last one. */
export function markdownBlocks(source: string): readonly string[] {
  const tokens = marked.lexer(source)
  return tokens.filter((token) => token.type !== 'space' && token.type !== 'def').map((token) => marked.parser([token]).trim())
}

/** The last block of code of an answer, or null. */
export function lastCode(source: string): string | null {
  const code = marked.lexer(source).findLast((token): token is Tokens.Code => token.type === 'code')
  return code?.text ?? null
}
