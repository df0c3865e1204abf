/* Before the first paint: the theme that was chosen here. A plain script, because modules run after it. */
;(function () {
  try {
    const theme = localStorage.getItem('ringlet.theme')
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
  } catch {
    // Storage is forbidden: the system decides.
  }
})()
