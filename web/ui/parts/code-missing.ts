/** Said where code of the page could not be fetched: by the document before there is an app, and by the app where a page's own part is missing. */
export const CODE_MISSING = 'A part of this page could not be loaded: the server does not answer, or it has been updated.'
