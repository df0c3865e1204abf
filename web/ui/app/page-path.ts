/** The pages and their URLs; without a label: not in the navigation. */
export const PAGES = [
  { page: 'chat', path: '/', label: 'Chat', title: 'Chat' },
  { page: 'contribute', path: '/contribute', label: 'Lend', title: 'Lend this device' },
  { page: 'cluster', path: '/cluster', label: 'Cluster', title: 'Cluster' },
  { page: 'models', path: '/models', label: 'Models', title: 'Models' },
  { page: 'keys', path: '/keys', label: null, title: 'Keys and invitations' },
  { page: 'start', path: '/start', label: null, title: 'First steps' },
] as const
export type Page = (typeof PAGES)[number]['page']

/** The page at a URL's path; `/cluster/` and `/cluster.html` are `/cluster`, anything unknown is the chat. */
export function pageAt(path: string): Page {
  const plain = path.replace(/\.html$/, '').replace(/\/+$/, '') || '/'
  return PAGES.find((entry) => entry.path === plain)?.page ?? 'chat'
}
