import { LitElement, css, html, type PropertyValues } from 'lit'
import { copyText } from './copy-text.ts'
import { markdownBlocks } from './markdown-html.ts'
import { safeFragment } from './safe-fragment.ts'
import { buttonStyles, sharedStyles } from './shared-styles.ts'
import { settleMarkdown } from './streaming-markdown.ts'

const COPIED_MS = 1600

/**
 * Text of a model, drawn as Markdown. While it grows only its last blocks are drawn anew, so selections above survive.
 *
 * @property source - the Markdown
 * @property streaming - more is to come: what is half-written is held back or closed
 */
export class MarkdownText extends LitElement {
  static override properties = { source: {}, streaming: { type: Boolean } }
  declare source: string
  declare streaming: boolean
  private drawn: readonly string[] = []

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      :host {
        overflow-wrap: anywhere;
      }
      p,
      ul,
      ol,
      blockquote,
      table {
        margin: 0.75em 0 0;
      }
      h1,
      h2,
      h3,
      h4,
      h5,
      h6 {
        margin: 1.2em 0 0;
        font-size: 1.06rem;
        font-weight: 650;
        line-height: 1.35;
        letter-spacing: 0;
      }
      h1 {
        font-size: 1.22rem;
      }
      h2 {
        font-size: 1.13rem;
      }
      ul,
      ol {
        padding-left: 1.4em;
      }
      li + li {
        margin-top: 0.25em;
      }
      blockquote {
        margin-inline: 0;
        padding-left: 1em;
        border-left: 3px solid var(--line);
        color: var(--muted);
      }
      code {
        font: 0.88em/1.5 var(--mono);
        padding: 0.1em 0.35em;
        border-radius: 5px;
        background: var(--sunken);
      }
      .code {
        position: relative;
        margin: 0.9em 0 0;
        border: 1px solid var(--line);
        border-radius: 10px;
        background: var(--sunken);
        overflow: hidden;
      }
      .bar {
        display: flex;
        align-items: center;
        justify-content: space-between;
        padding: 0.15rem 0.35rem 0.15rem 0.9rem;
        border-bottom: 1px solid var(--line);
        color: var(--muted);
        font-size: 0.8rem;
      }
      pre {
        margin: 0;
        padding: 0.8rem 0.9rem;
        overflow-x: auto;
        overflow-wrap: normal;
      }
      pre code {
        padding: 0;
        background: none;
        white-space: pre;
      }
      table {
        display: block;
        max-width: 100%;
        overflow-x: auto;
        border-collapse: collapse;
        font-size: 0.94em;
      }
      th,
      td {
        padding: 0.4em 0.8em;
        border-bottom: 1px solid var(--line);
        text-align: left;
        overflow-wrap: normal;
      }
      th {
        font-weight: 600;
      }
      hr {
        margin: 1.2em 0;
        border: 0;
        border-top: 1px solid var(--line);
      }
      section > div:first-child > *:first-child {
        margin-top: 0;
      }
      [data-blocked] {
        color: var(--muted);
      }
    `,
  ]

  constructor() {
    super()
    this.source = ''
    this.streaming = false
  }

  protected override render() {
    return html`<section></section>`
  }

  protected override updated(_changed: PropertyValues): void {
    const section = this.renderRoot.querySelector('section')
    if (!section) return
    const blocks = markdownBlocks(this.streaming ? settleMarkdown(this.source) : this.source)
    let same = 0
    while (same < blocks.length && blocks[same] === this.drawn[same]) same++
    while (section.children.length > same) section.lastElementChild?.remove()
    for (const block of blocks.slice(same)) section.append(this.drawBlock(block))
    this.drawn = blocks
  }

  /** One block in one element, so that blocks and children of the section count alike. */
  private drawBlock(block: string): HTMLElement {
    const holder = document.createElement('div')
    holder.append(safeFragment(block))
    for (const pre of holder.querySelectorAll('pre')) {
      const frame = document.createElement('div')
      frame.className = 'code'
      pre.replaceWith(frame)
      // Scrollable by keyboard too.
      pre.tabIndex = 0
      frame.append(codeBar(pre), pre)
    }
    return holder
  }
}

/** Language and copy button above a block of code. */
function codeBar(pre: HTMLElement): HTMLElement {
  const bar = document.createElement('div')
  bar.className = 'bar'
  const language = document.createElement('span')
  language.textContent = pre.dataset['language'] || 'text'
  const copy = document.createElement('button')
  copy.type = 'button'
  copy.className = 'plain'
  copy.textContent = 'Copy'
  copy.addEventListener('click', () => void copyCode(pre, copy))
  bar.append(language, copy)
  return bar
}

async function copyCode(pre: HTMLElement, button: HTMLButtonElement): Promise<void> {
  const isCopied = await copyText(pre.textContent ?? '')
  if (!isCopied) getSelection()?.selectAllChildren(pre)
  button.textContent = isCopied ? 'Copied' : 'Selected, press Ctrl+C'
  setTimeout(() => (button.textContent = 'Copy'), COPIED_MS)
}
customElements.define('markdown-text', MarkdownText)

declare global {
  interface HTMLElementTagNameMap {
    'markdown-text': MarkdownText
  }
}
