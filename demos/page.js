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
  // The notes of a song follow its own player.
  const follow = () => {
    const audio = document.querySelector('#sing-audio audio'), roll = document.querySelector('.vk-roll');
    if (!audio || !roll) return;
    const x = audio.currentTime * parseFloat(roll.dataset.perSecond), axis = parseFloat(roll.dataset.axis);
    const head = roll.querySelector('.vk-roll-head'), room = roll.clientWidth - axis;
    head.style.left = `${axis + x}px`;
    head.style.opacity = audio.currentTime > 0 ? 0.9 : 0;
    if (!audio.paused && (x < roll.scrollLeft || x > roll.scrollLeft + room - 20)) roll.scrollLeft = x - room / 8;
    if (!audio.paused && !audio.ended) requestAnimationFrame(follow);
  };
  for (const name of ['play', 'pause', 'seeked', 'ended']) document.addEventListener(name, follow, true);
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
  // Tabs by arrow keys, as the pattern for tabs has it; Gradio listens to clicks alone.
  document.addEventListener('keydown', (event) => {
    const tab = event.target.closest?.('[role=tab]');
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: 'first', End: 'last' }[event.key];
    if (!tab || move === undefined || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const all = [...tab.closest('[role=tablist]').querySelectorAll('[role=tab]')];
    const tabs = all.filter((one) => one.offsetParent !== null && !one.disabled);
    const to = move === 'first' ? 0 : move === 'last' ? tabs.length - 1 : tabs.indexOf(tab) + move;
    const next = tabs[(to + tabs.length) % tabs.length];
    event.preventDefault();
    next.focus();
    next.click();
  });
  // Gradio gives every radio a name of its own, so that the browser sees no group and arrow keys do nothing.
  document.addEventListener('keydown', (event) => {
    const move = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!move || !event.target.matches?.('input[type=radio]') || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = [...(event.target.closest('fieldset')?.querySelectorAll('input[type=radio]') ?? [])];
    const radios = all.filter((one) => one.offsetParent !== null && !one.disabled);
    if (radios.length < 2 || new Set(radios.map((one) => one.name)).size === 1) return;
    const next = radios[(radios.indexOf(event.target) + move + radios.length) % radios.length];
    event.preventDefault();
    next.focus();
    next.click();
  });
  // A slider let go of: Gradio hears the mouse alone, so that keys moved the handle and nothing else.
  document.addEventListener('keyup', (event) => {
    const keys = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown'];
    if (event.target.matches?.('input[type=range]') && keys.includes(event.key)) {
      event.target.dispatchEvent(new PointerEvent('pointerup', { bubbles: true }));
    }
  });
  // Parts of a song on one clock, muted or alone; the stems are the delivered files, nothing is kept.
  let context = null, sounding = null;
  const weigh = (panel) => {
    const rows = [...panel.querySelectorAll('.vk-stem')];
    const solo = rows.some((row) => row.querySelector('.vk-solo').checked);
    for (const row of rows) {
      const heard = solo ? row.querySelector('.vk-solo').checked : !row.querySelector('.vk-mute').checked;
      const gain = heard ? Math.SQRT2 * 10 ** (parseFloat(row.dataset.level) / 20) : 0;
      row.dataset.gain = gain;
      if (row.vkGain) row.vkGain.gain.setTargetAtTime(gain, context.currentTime, 0.01);
    }
  };
  const silence = (panel, words) => {
    for (const source of sounding ?? []) source.stop();
    sounding = null;
    panel.dataset.state = 'stopped';
    panel.querySelector('.vk-play').textContent = 'Play the parts';
    panel.querySelector('.vk-stems-said').textContent = words;
  };
  const together = async (panel) => {
    context ??= new AudioContext();
    await context.resume();
    panel.dataset.state = 'loading';
    panel.querySelector('.vk-stems-said').textContent = 'Loading …';
    const rows = [...panel.querySelectorAll('.vk-stem')];
    try {
      const sounds = await Promise.all(rows.map(async (row) => {
        const answer = await fetch(row.dataset.url);
        if (!answer.ok) throw new Error(answer.status);
        return context.decodeAudioData(await answer.arrayBuffer());
      }));
      if (panel.dataset.state !== 'loading') return;
      const begin = context.currentTime + 0.1;
      sounding = rows.map((row, k) => {
        const source = new AudioBufferSourceNode(context, { buffer: sounds[k] });
        row.vkGain = new GainNode(context, { gain: 0 });
        const place = new StereoPannerNode(context, { pan: parseFloat(row.dataset.pan) });
        source.connect(row.vkGain).connect(place).connect(context.destination);
        source.start(begin);
        return source;
      });
      const mine = sounding;
      sounding[0].onended = () => { if (sounding === mine) silence(panel, ''); };
      weigh(panel);
      panel.dataset.state = 'playing';
      panel.querySelector('.vk-play').textContent = 'Stop';
      panel.querySelector('.vk-stems-said').textContent = '';
    } catch (error) {
      silence(panel, 'The parts could not be loaded; they are among the files to keep.');
    }
  };
  document.addEventListener('click', (event) => {
    const panel = event.target.closest('.vk-play')?.closest('.vk-stems');
    if (panel) { if (sounding || panel.dataset.state === 'loading') silence(panel, ''); else together(panel); }
  });
  document.addEventListener('change', (event) => {
    const panel = event.target.closest('.vk-stems');
    if (panel) weigh(panel);
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
      const song = document.querySelector('#sing-audio audio');
      if (song && !song.hasAttribute('aria-label')) song.setAttribute('aria-label', 'The song');
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
