// What is copied and shared says that a machine wrote it, and mentions no account.

export function labelled(words, title) {
  const style = `in the style of ${title.replaceAll("@", "")}`;
  return `${words}\n\n🦜 Written by a machine ${style}. They never said it.`;
}

export async function share(text, announce) {
  try {
    await navigator.share({ text });
  } catch (error) {
    if (error.name !== "AbortError") announce("It could not be shared. Copy it instead.");
  }
}
