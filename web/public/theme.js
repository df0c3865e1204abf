/* Before the first paint: which page it is, and the theme that was chosen here. A plain script, because modules run after it. */
;(function () {
  const page = location.pathname.replace(/(\.html|\/+)$/, '').slice(1) || 'chat'
  // A chat that goes on does not begin with a welcome.
  document.documentElement.dataset.page = page === 'chat' && location.hash !== '' ? 'open-chat' : page
  try {
    const theme = localStorage.getItem('ringlet.theme')
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
  } catch {
    // Storage is forbidden: the system decides.
  }
})()
