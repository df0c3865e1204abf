/** The last gate before text of a model becomes part of the page. */
import DOMPurify from 'dompurify'

const TAGS = [
  'p',
  'br',
  'hr',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'strong',
  'em',
  'del',
  'code',
  'pre',
  'blockquote',
  'ul',
  'ol',
  'li',
  'a',
  'table',
  'thead',
  'tbody',
  'tr',
  'th',
  'td',
  'sup',
  'sub',
  'span',
  'div',
]
const ATTRIBUTES = ['href', 'title', 'align', 'start', 'data-language', 'data-blocked', 'data-math']
/** Only addresses that a person can judge; no javascript:, data:, blob: and no relative links into this page. */
const SAFE_ADDRESS = /^(?:https?:\/\/|mailto:)/i

const purifier = DOMPurify(window)
purifier.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName !== 'A') return
  if (!SAFE_ADDRESS.test(node.getAttribute('href') ?? '')) return node.removeAttribute('href')
  node.setAttribute('rel', 'noopener noreferrer nofollow')
  node.setAttribute('target', '_blank')
})

/** HTML made from Markdown, reduced to harmless elements. Sanitizing comes after Markdown, never before: Markdown can make HTML from text that has none. */
export function safeFragment(html: string): DocumentFragment {
  return purifier.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    // Their values are words, not addresses, so the address rule below is not for them.
    ADD_URI_SAFE_ATTR: ['align', 'start', 'data-language', 'data-blocked', 'data-math'],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    ALLOWED_URI_REGEXP: SAFE_ADDRESS,
    RETURN_DOM_FRAGMENT: true,
  })
}
