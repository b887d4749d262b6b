// The one live region: tells a screen reader what changed, in a sentence.

export function announce(sentence) {
  const region = document.getElementById("live");
  if (region) region.textContent = sentence;
}
