/** Small pictures for buttons, drawn with the text's colour. Each stands beside a name that is read aloud, so none has one of its own. */
import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit'

const PATHS = {
  menu: svg`<path d="M4 6h16M4 12h16M4 18h10"></path>`,
  sidebar: svg`<rect x="3.5" y="4.5" width="17" height="15" rx="3"></rect><path d="M9.5 4.5v15"></path>`,
  write: svg`<path d="M12 20h8"></path><path d="M16.5 4.5a2.1 2.1 0 0 1 3 3L8 19l-4 1 1-4Z"></path>`,
  search: svg`<circle cx="11" cy="11" r="6.5"></circle><path d="m20 20-4.2-4.2"></path>`,
  more: svg`<g fill="currentColor" stroke="none"><circle cx="5.5" cy="12" r="1.7"></circle><circle cx="12" cy="12" r="1.7"></circle><circle cx="18.5" cy="12" r="1.7"></circle></g>`,
  copy: svg`<rect x="8.5" y="8.5" width="11" height="11" rx="2.5"></rect><path d="M15.5 8.5V7A2.5 2.5 0 0 0 13 4.5H7A2.5 2.5 0 0 0 4.5 7v6A2.5 2.5 0 0 0 7 15.5h1.5"></path>`,
  check: svg`<path d="m5 12.5 4.5 4.5L19 7.5"></path>`,
  again: svg`<path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9"></path><path d="M19.5 4.5V9H15"></path>`,
  onward: svg`<path d="M5 12h13M13 6.5l5.5 5.5L13 17.5"></path>`,
  left: svg`<path d="m14.5 6-6 6 6 6"></path>`,
  right: svg`<path d="m9.5 6 6 6-6 6"></path>`,
  down: svg`<path d="m6 9.5 6 6 6-6"></path>`,
  close: svg`<path d="m6 6 12 12M18 6 6 18"></path>`,
  attach: svg`<path d="m19.5 11.5-7.6 7.6a5 5 0 0 1-7-7l8-8a3.4 3.4 0 0 1 4.8 4.8l-8 8a1.7 1.7 0 0 1-2.4-2.4l7.2-7.2"></path>`,
  file: svg`<path d="M13.5 3.5H7A1.5 1.5 0 0 0 5.5 5v14A1.5 1.5 0 0 0 7 20.5h10a1.5 1.5 0 0 0 1.5-1.5V8.5Z"></path><path d="M13.5 3.5v5h5"></path>`,
  settings: svg`<path d="M4 7h9M17 7h3M4 17h3M11 17h9"></path><circle cx="15" cy="7" r="2"></circle><circle cx="9" cy="17" r="2"></circle>`,
  bin: svg`<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7"></path>`,
  hidden: svg`<path d="M12 3.5a8.5 8.5 0 1 0 8.5 8.5"></path><path d="M12 3.5a8.5 8.5 0 0 1 8.5 8.5" stroke-dasharray="2.2 3.2"></path>`,
  keyboard: svg`<rect x="3" y="6" width="18" height="12" rx="2.5"></rect><path d="M7 10h.01M11 10h.01M15 10h.01M8 14h8"></path>`,
  export: svg`<path d="M12 4v10M8 10.5l4 4 4-4M5 19.5h14"></path>`,
  import: svg`<path d="M12 15V4.5M8 8l4-4 4 4M5 19.5h14"></path>`,
  system: svg`<rect x="3.5" y="5" width="17" height="11.5" rx="2"></rect><path d="M9 20h6M12 16.5V20"></path>`,
  light: svg`<circle cx="12" cy="12" r="4"></circle><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M18.4 5.6 17 7M7 17l-1.4 1.4"></path>`,
  dark: svg`<path d="M19.5 14A8 8 0 0 1 10 4.5a8 8 0 1 0 9.5 9.5Z"></path>`,
  heat: svg`<path d="M5 19.5V14M10 19.5V9M15 19.5V12M20 19.5V4.5"></path>`,
} satisfies Record<string, SVGTemplateResult>
export type IconName = keyof typeof PATHS

/** One of them, 24 by 24 units; its size follows the button that it is in. */
export const icon = (name: IconName): TemplateResult =>
  html`<svg
    viewBox="0 0 24 24"
    width="18"
    height="18"
    fill="none"
    stroke="currentColor"
    stroke-width="1.8"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    ${PATHS[name]}
  </svg>`
