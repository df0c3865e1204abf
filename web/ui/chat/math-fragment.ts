/** TeX to MathML, which the browser draws and screen readers read. In a chunk of its own: it comes with the first formula. */
import DOMPurify from 'dompurify'
import temml from 'temml'

/** Longest formula that is drawn, in characters; macros may not grow beyond so many expansions. */
const LIMITS = { characters: 5000, expansions: 500 }

/** Null where it is no TeX: its source is then shown. Nothing in it can reach out of the page: links and styles are taken out. */
export function mathFragment(tex: string, isBlock: boolean): DocumentFragment | null {
  if (tex.length > LIMITS.characters) return null
  try {
    const markup = temml.renderToString(tex, { displayMode: isBlock, throwOnError: true, trust: false, maxExpand: LIMITS.expansions })
    // The page's policy takes no styles in attributes, and the browser would complain of each while it reads them.
    const plain = markup.replaceAll(/<[^>]*>/g, (tag) => tag.replaceAll(/ style=(?:"[^"]*"|'[^']*')/g, ''))
    return DOMPurify.sanitize(plain, { USE_PROFILES: { mathMl: true }, FORBID_ATTR: ['style', 'href', 'id'], RETURN_DOM_FRAGMENT: true })
  } catch {
    // A formula that TeX does not know, or half of one.
    return null
  }
}
