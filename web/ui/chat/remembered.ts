/** A function that gives its last result again while its arguments stay the same objects: what was drawn from it then is not drawn anew. */
export function remembered<Given extends readonly unknown[], Made>(make: (...given: Given) => Made): (...given: Given) => Made {
  let last: { readonly given: Given; readonly made: Made } | null = null
  return (...given) => {
    if (!last || given.some((value, index) => value !== last?.given[index])) last = { given, made: make(...given) }
    return last.made
  }
}
