'use strict';
// Draws the curves of the page from the data in it. One uPlot per chart, made anew when a name is hidden, the colours
// change or the page is printed.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const light = ['#1f6fb4', '#d1620a', '#2a8a3e', '#c5303a', '#7d4fb3', '#12898c', '#c2499b', '#80563f', '#8a8412'];
  const dark = ['#6cb2f0', '#f59b4c', '#6fce84', '#f47f86', '#b794e8', '#4fcfd1', '#ee8cc9', '#c79a80', '#cfc84e'];
  const dashes = [[], [8, 4], [2, 3]];
  const prefersDark = matchMedia('(prefers-color-scheme: dark)');
  const legend = document.getElementById('legend');
  const holder = document.getElementById('charts');
  const hidden = new Set();
  // more bands than a few hide each other
  let banded = data.presets.length <= 4;
  let printing = false;
  let plots = [];

  const isDark = () => prefersDark.matches && !printing;
  // the baseline is neutral and thick, the others have the palette's colours in their order
  const styles = () => {
    const palette = isDark() ? dark : light;
    let next = 0;
    return data.presets.map(preset => {
      if (preset.baseline) {
        return {stroke: isDark() ? '#e6e8eb' : '#1c1f23', width: 2.5, dash: []};
      }
      const index = next++;
      return {stroke: palette[index % palette.length], width: 1.75,
        dash: dashes[Math.floor(index / palette.length) % dashes.length]};
    });
  };
  const alpha = (hex, opacity) => hex + Math.round(opacity * 255).toString(16).padStart(2, '0');

  const short = value => {
    const size = Math.abs(value);
    if (size >= 1e6) { return +(value / 1e6).toPrecision(3) + 'M'; }
    if (size >= 1e4) { return +(value / 1e3).toPrecision(3) + 'k'; }
    return String(+value.toPrecision(3));
  };
  const shown = (chart, value) => chart.share ? (100 * value).toFixed(1) + ' %' : short(value);

  function drawLegend(style) {
    legend.replaceChildren(...data.presets.map((preset, index) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.setAttribute('aria-pressed', String(!hidden.has(index)));
      const line = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
      line.setAttribute('width', '26');
      line.setAttribute('height', '8');
      const path = document.createElementNS(line.namespaceURI, 'path');
      path.setAttribute('d', 'M0 4H26');
      path.setAttribute('stroke', style[index].stroke);
      path.setAttribute('stroke-width', String(style[index].width + 0.5));
      path.setAttribute('stroke-dasharray', style[index].dash.join(' '));
      line.append(path);
      button.append(line, preset.name);
      button.onclick = () => {
        if (!hidden.delete(index)) {
          hidden.add(index);
        }
        draw();
        legend.children[index].focus();
      };
      return button;
    }));
    const bands = document.createElement('button');
    bands.type = 'button';
    bands.className = 'screen';
    bands.setAttribute('aria-pressed', String(banded));
    bands.textContent = 'bands';
    bands.onclick = () => {
      banded = !banded;
      draw();
      legend.lastChild.focus();
    };
    legend.append(bands);
  }

  /** Shows the means under the cursor, best first. */
  function readout(chart, figure, style, order) {
    const box = document.createElement('div');
    box.className = 'readout';
    figure.append(box);
    return plot => {
      const {left, top, idx} = plot.cursor;
      if (idx == null || left < 0) {
        box.style.display = 'none';
        return;
      }
      const x = plot.posToVal(left, 'x');
      const rows = order.map(index => {
        // each preset's own point that is nearest: with tokens or seconds they have few abscissas in common
        const series = chart.series[index];
        let best = -1;
        const from = series.x[0], to = series.x[series.x.length - 1];
        if (x >= from * (chart.logX ? 0.9 : 1) - 1e-9 && x <= to * 1.02 + 1e-9) {
          series.x.forEach((at, i) => {
            if (series.mean[i] != null && (best < 0 || Math.abs(at - x) < Math.abs(series.x[best] - x))) { best = i; }
          });
        }
        return {index, value: best < 0 ? null : series.mean[best]};
      }).filter(row => row.value != null).sort((a, b) => b.value - a.value);
      if (rows.length === 0) {
        box.style.display = 'none';
        return;
      }
      const table = document.createElement('table');
      rows.forEach(row => {
        const line = table.insertRow();
        const mark = document.createElement('i');
        mark.style.background = style[row.index].stroke;
        line.insertCell().append(mark, data.presets[row.index].name);
        line.insertCell().textContent = shown(chart, row.value);
      });
      box.replaceChildren((chart.x === 'steps' ? 'step ' + Math.round(x) : short(x) + ' ' + chart.x), table);
      box.style.display = 'block';
      const over = plot.over.getBoundingClientRect();
      const frame = figure.getBoundingClientRect();
      const at = over.left - frame.left + left;
      const flip = at + 14 + box.offsetWidth > frame.width;
      box.style.left = Math.max(0, flip ? at - 14 - box.offsetWidth : at + 14) + 'px';
      box.style.top = Math.max(0, Math.min(over.top - frame.top + top, frame.height - box.offsetHeight)) + 'px';
    };
  }

  const size = figure => printing ? {width: 340, height: 230}
    : {width: figure.clientWidth, height: Math.max(230, Math.min(320, Math.round(figure.clientWidth * 0.55)))};

  function plotOf(chart, figure, style) {
    const order = data.presets.map((preset, index) => index)
      .filter(index => !hidden.has(index) && chart.series[index].x.length > 0)
      // the baseline last, so that it lies on top
      .sort((a, b) => data.presets[a].baseline - data.presets[b].baseline);
    if (order.length === 0) {
      figure.append('nothing to show');
      return null;
    }
    const tables = order.map(index => {
      const series = chart.series[index];
      return [series.x, series.mean, series.low, series.high];
    });
    const series = [{}];
    const bands = [];
    order.forEach(index => {
      const line = style[index];
      series.push({label: data.presets[index].name, stroke: line.stroke, width: line.width, dash: line.dash, points: {show: false}});
      series.push({stroke: 'transparent', width: 0, points: {show: false}}, {stroke: 'transparent', width: 0, points: {show: false}});
      if (banded) {
        bands.push({series: [series.length - 1, series.length - 2], fill: alpha(line.stroke, isDark() ? 0.16 : 0.12)});
      }
    });
    const colours = getComputedStyle(document.documentElement);
    const ink = printing ? '#333333' : colours.getPropertyValue('--quiet').trim();
    const grid = {stroke: printing ? '#dddddd' : colours.getPropertyValue('--line').trim(), width: 0.5};
    const axis = {stroke: ink, grid, ticks: grid, font: '12px system-ui, sans-serif', labelFont: '12px system-ui, sans-serif'};
    // on a logarithmic axis only powers of ten have room, and not always all of them
    const logValues = (plot, splits) => splits.map(value => value == null || !/^1(0*|e.*)$/.test(String(value >= 1 ? value : Math.round(1 / value))) ? '' : short(value));
    const figures = {
      ...size(figure), series, bands,
      legend: {show: false},
      cursor: {drag: {x: true, y: false}, points: {show: false}},
      scales: {
        x: {time: false, distr: chart.logX ? 3 : 1},
        y: {distr: chart.logY ? 3 : 1, ...(chart.share ? {range: [0, 1]} : {})},
      },
      axes: [
        {...axis, label: chart.x, labelSize: 18, size: 34, values: chart.logX ? logValues : (plot, splits) => splits.map(short)},
        {...axis, size: 52, values: chart.share ? (plot, splits) => splits.map(value => Math.round(100 * value) + ' %')
          : chart.logY ? logValues : (plot, splits) => splits.map(short)},
      ],
      hooks: {setCursor: [readout(chart, figure, style, order)]},
    };
    return new uPlot(figures, uPlot.join(tables, tables.map(() => [1, 1, 1, 1])), figure);
  }

  function draw() {
    plots.forEach(plot => plot && plot.destroy());
    const style = styles();
    drawLegend(style);
    const figures = data.charts.map(chart => {
      const figure = document.createElement('figure');
      const caption = document.createElement('figcaption');
      caption.textContent = chart.title;
      figure.append(caption);
      return figure;
    });
    holder.replaceChildren(...figures);
    plots = data.charts.map((chart, index) => plotOf(chart, figures[index], style));
  }

  let width = 0;
  new ResizeObserver(() => {
    if (!printing && holder.clientWidth !== width) {
      width = holder.clientWidth;
      plots.forEach((plot, index) => plot && plot.setSize(size(holder.children[index])));
    }
  }).observe(holder);
  prefersDark.addEventListener('change', draw);
  addEventListener('beforeprint', () => { printing = true; draw(); });
  addEventListener('afterprint', () => { printing = false; draw(); });
  draw();
})();
