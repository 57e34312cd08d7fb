// Sets the colours before the first paint. Not a module, because modules run after the document was parsed.
document.documentElement.dataset.theme = localStorage.getItem('theme') ?? 'auto';
