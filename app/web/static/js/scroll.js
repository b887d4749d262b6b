// Follows the newest line while the reader is at the bottom, and never moves a reader who is not.

const NEAR = 64;
const AFTER_CLICK = 400;
// What only a reader does: scrolling by itself tells nothing, the page does that too.
const MOVES = ["wheel", "touchstart", "keydown", "pointerdown"];

export class Follow {
  constructor(scroller, content, onChange) {
    Object.assign(this, { scroller, content, onChange });
    this.following = true;
    this.away = false;
    this.target = null;
    this.top = 0;
    this.clicked = -Infinity;
    this.onScroll = () => this.scrolled();
    this.onClick = () => {
      this.clicked = performance.now();
    };
    this.onMove = () => this.release();
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(content);
    this.observer.observe(scroller);
    scroller.addEventListener("scroll", this.onScroll, { passive: true });
    content.addEventListener("click", this.onClick, true);
  }

  get atBottom() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  set(following) {
    this.following = following;
    this.tell();
  }

  // `away`: there is something below that the reader does not see, and will not be shown.
  tell() {
    const away = !this.following && !this.atBottom;
    if (away === this.away) return;
    this.away = away;
    this.onChange();
  }

  // Only the reader's own way up ends following: growth below does not look like it.
  scrolled() {
    const up = this.scroller.scrollTop < this.top - 1;
    this.top = this.scroller.scrollTop;
    if (this.target) this.tell();
    else if (this.atBottom) this.set(true);
    else if (up) this.set(false);
    else this.tell();
  }

  // A row the reader opened grows too; what was clicked has to stay under the pointer.
  resized() {
    if (this.target) this.show();
    else if (!this.following) this.tell();
    else if (performance.now() - this.clicked < AFTER_CLICK) this.set(this.atBottom);
    else this.toBottom();
  }

  toBottom() {
    this.release();
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.top = this.scroller.scrollTop;
    this.set(true);
  }

  // Shows `element`, and again whenever the page grows around it, until the reader moves.
  to(element) {
    this.target = element;
    for (const move of MOVES) document.addEventListener(move, this.onMove, { capture: true, passive: true });
    this.set(false);
    this.show();
  }

  show() {
    this.target.scrollIntoView({ block: "start" });
    this.top = this.scroller.scrollTop;
    this.tell();
  }

  release() {
    this.target = null;
    for (const move of MOVES) document.removeEventListener(move, this.onMove, { capture: true });
  }

  stop() {
    this.release();
    this.observer.disconnect();
    this.scroller.removeEventListener("scroll", this.onScroll);
    this.content.removeEventListener("click", this.onClick, true);
  }
}
