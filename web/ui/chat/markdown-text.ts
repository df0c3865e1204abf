import { LitElement, html, type PropertyValues } from 'lit'
import { copyText } from '../parts/copy-text.ts'
import { markdownBlocks } from './markdown-html.ts'
import { markdownStyles } from './markdown-styles.ts'
import { safeFragment } from './safe-fragment.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
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

  static override styles = [sharedStyles, buttonStyles, markdownStyles]

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
    for (const place of section.querySelectorAll<HTMLElement>('[data-math]:not([data-drawn])')) void drawMath(place)
    this.drawn = blocks
    for (const table of section.querySelectorAll('table')) reachable(table)
    if (!this.streaming) void colourCode(section)
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

let math: typeof import('./math-fragment.ts') | null = null

/** Until the code for it is here, and where it is no TeX, the source stands there. Once it is here, no frame shows the source. */
async function drawMath(place: HTMLElement): Promise<void> {
  place.dataset['drawn'] = ''
  math ??= await import('./math-fragment.ts')
  const drawn = math.mathFragment(place.textContent ?? '', place.dataset['math'] === 'block')
  if (!drawn) return
  place.replaceChildren(drawn)
  reachable(place)
}

/** What is wider than the page is scrolled by keyboard too. */
function reachable(element: HTMLElement): void {
  if (element.scrollWidth > element.clientWidth) element.tabIndex = 0
}

/** Colours come when an answer is whole, so that they do not flicker while it grows. */
async function colourCode(section: Element): Promise<void> {
  const plain = [...section.querySelectorAll<HTMLElement>('pre:not([data-coloured])')]
  if (plain.length === 0) return
  const { colouredCode } = await import('./code-colours.ts')
  for (const pre of plain) {
    pre.dataset['coloured'] = ''
    const code = pre.querySelector('code')
    const coloured = code && colouredCode(code.textContent ?? '', pre.dataset['language'] ?? '')
    if (coloured) code.replaceChildren(coloured)
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
