// Follows the newest line while the reader is at the bottom, and never moves a reader who is not.

const NEAR = 64;
const AFTER_CLICK = 400;

export class Follow {
  constructor(scroller, content, onChange) {
    Object.assign(this, { scroller, content, onChange });
    this.following = true;
    this.top = 0;
    this.clicked = -Infinity;
    this.onScroll = () => this.scrolled();
    this.onClick = () => {
      this.clicked = performance.now();
    };
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
    if (following === this.following) return;
    this.following = following;
    this.onChange();
  }

  // Only the reader's own way up ends following: growth below does not look like it.
  scrolled() {
    const up = this.scroller.scrollTop < this.top - 1;
    this.top = this.scroller.scrollTop;
    if (this.atBottom) this.set(true);
    else if (up) this.set(false);
  }

  // A row the reader opened grows too; what was clicked has to stay under the pointer.
  resized() {
    if (!this.following) return;
    if (performance.now() - this.clicked < AFTER_CLICK) this.set(this.atBottom);
    else this.toBottom();
  }

  toBottom() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.top = this.scroller.scrollTop;
    this.set(true);
  }

  to(element) {
    element.scrollIntoView({ block: "start" });
    this.top = this.scroller.scrollTop;
    this.set(this.atBottom);
  }

  stop() {
    this.observer.disconnect();
    this.scroller.removeEventListener("scroll", this.onScroll);
    this.content.removeEventListener("click", this.onClick, true);
  }
}
