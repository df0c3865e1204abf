/** How an answer's text looks. */
import { css } from 'lit'

export const markdownStyles = css`
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
  math {
    font-family: 'Cambria Math', 'STIX Two Math', 'Latin Modern Math', 'Noto Sans Math', math;
    font-size: 1.08em;
  }
  [data-math='block'] {
    margin: 0.75em 0 0;
    overflow: auto hidden;
    padding-block: 0.1em;
    text-align: center;
  }
  [data-math]:not(:has(math)) {
    font: 0.88em / 1.5 var(--mono);
  }
  .hljs-keyword,
  .hljs-built_in,
  .hljs-tag,
  .hljs-selector-tag,
  .hljs-type {
    color: var(--code-word);
  }
  .hljs-string,
  .hljs-regexp,
  .hljs-meta .hljs-string {
    color: var(--code-text);
  }
  .hljs-title,
  .hljs-attr,
  .hljs-attribute,
  .hljs-name,
  .hljs-property {
    color: var(--code-name);
  }
  .hljs-number,
  .hljs-literal,
  .hljs-symbol {
    color: var(--code-number);
  }
  .hljs-comment,
  .hljs-meta {
    color: var(--muted);
    font-style: italic;
  }
`
