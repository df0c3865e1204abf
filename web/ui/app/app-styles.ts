/** The frame around the pages. */
import { css } from 'lit'

export const appStyles = css`
  header {
    position: sticky;
    top: 0;
    z-index: var(--layer-header);
    background: color-mix(in oklab, var(--ground) 88%, transparent);
    backdrop-filter: blur(12px);
    border-bottom: 1px solid var(--line);
  }
  .bar {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 0.5rem;
    max-width: 92rem;
    height: calc(var(--header-height) - 1px);
    margin: 0 auto;
    padding: 0 clamp(0.6rem, 3vw, 1.5rem);
  }
  .name {
    display: inline-flex;
    align-items: center;
    gap: 0.55rem;
    color: var(--ink);
    font-size: 1.12rem;
    font-weight: 670;
    letter-spacing: -0.02em;
    text-decoration: none;
  }
  .right {
    display: flex;
    align-items: center;
    gap: 0.25rem;
  }
  ul {
    display: flex;
    gap: 0.15rem;
    list-style: none;
  }
  nav a {
    position: relative;
    display: block;
    padding: 0.35rem clamp(0.45rem, 2vw, 0.8rem);
    border-radius: var(--radius-m);
    color: var(--muted);
    font-size: var(--text-l);
    font-weight: var(--weight-medium);
    text-decoration: none;
  }
  nav a:hover {
    color: var(--ink);
  }
  nav a[aria-current] {
    background: var(--sunken);
    color: var(--ink);
  }
  .lending {
    position: absolute;
    top: 0.3rem;
    right: 0.15rem;
    width: 0.5rem;
    height: 0.5rem;
    border-radius: 50%;
    background: var(--good);
  }
  .banner {
    padding: 0.5rem 1rem;
    background: var(--warn-soft);
    color: var(--ink);
    font-size: 0.9rem;
    text-align: center;
    overflow-wrap: anywhere;
  }
  .banner.refused {
    background: var(--bad-soft);
  }
  main:focus {
    outline: none;
  }
  .skip {
    position: absolute;
    left: -100rem;
  }
  .skip:focus {
    left: 0.5rem;
    top: 0.5rem;
    z-index: var(--layer-float);
    padding: 0.4rem 0.8rem;
    background: var(--surface);
  }
  @media (max-width: 30rem) {
    .name span {
      display: none;
    }
  }
  .failure {
    max-width: 30rem;
    margin: var(--space-7) auto;
    padding: 0 var(--gutter);
    text-align: center;
  }
`
