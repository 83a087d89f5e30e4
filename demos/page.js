// Keeps the picture and the sentence list in step with the player, and tells a screen reader what happened.
(() => {
  const player = () => document.querySelector('#result-audio audio');
  const step = () => {
    const audio = player(), plot = document.querySelector('.vk-plot');
    if (!audio) return;
    const now = audio.currentTime;
    if (plot) {
      const head = plot.querySelector('.vk-head'), share = now / parseFloat(plot.dataset.seconds);
      head.style.left = `${100 * Math.min(share, 1)}%`;
      head.style.opacity = now > 0 && share <= 1 ? 0.9 : 0;
    }
    for (const line of document.querySelectorAll('.vk-line')) {
      const here = now > 0 && now >= parseFloat(line.dataset.start) - 0.02 && now < parseFloat(line.dataset.end);
      if (here !== (line.getAttribute('aria-current') === 'true')) {
        if (here) line.setAttribute('aria-current', 'true'); else line.removeAttribute('aria-current');
      }
    }
    if (!audio.paused && !audio.ended) requestAnimationFrame(step);
  };
  for (const name of ['play', 'pause', 'seeked', 'ended']) document.addEventListener(name, step, true);
  const jump = (seconds) => {
    const audio = player();
    if (audio) { audio.currentTime = seconds; audio.play(); }
  };
  document.addEventListener('click', (event) => {
    const line = event.target.closest('.vk-line'), plot = event.target.closest('.vk-plot');
    if (line) jump(parseFloat(line.dataset.start));
    else if (plot) {
      const box = plot.getBoundingClientRect();
      jump((event.clientX - box.left) / box.width * parseFloat(plot.dataset.seconds));
    }
  });
  // One polite live region that is always there: regions which come and go are not read out.
  let said = new Map();
  const listen = () => {
    const live = document.createElement('div');
    live.id = 'vk-live';
    live.className = 'vk-hidden';
    live.setAttribute('role', 'status');
    live.setAttribute('aria-live', 'polite');
    document.body.append(live);
    const look = () => {
      const audio = player();
      if (audio && !audio.hasAttribute('aria-label')) audio.setAttribute('aria-label', 'The narration');
      const now = new Map();
      for (const one of document.querySelectorAll('[data-say]')) {
        const place = one.closest('[id]')?.id ?? '';
        now.set(place, one.dataset.say);
        if (said.get(place) !== one.dataset.say) live.textContent = one.dataset.say;
      }
      said = now;
    };
    new MutationObserver(look).observe(document.body, {
      subtree: true, childList: true, attributes: true, attributeFilter: ['data-say'],
    });
  };
  if (document.body) listen(); else document.addEventListener('DOMContentLoaded', listen);
})();
