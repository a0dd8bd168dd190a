// Whether another page is around this one. Such a page can cover this one and lead a press astray,
// so what a press could delete is shown after another.

export const isFramed = window.parent !== window;
