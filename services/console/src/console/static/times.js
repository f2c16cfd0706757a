// Show `<time>` elements in the viewer's time zone and relative to now; the exact time as the title.
const ago = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "narrow" });
const near = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const far = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    const text = worded(moment);
    if (element.textContent !== text) element.textContent = text;
    element.title = `${exact.format(moment)} (${element.dateTime})`;
  }
}

function worded(moment) {
  const seconds = (moment - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 90) return ago.format(Math.round(seconds), "second");
  if (size < 5400) return ago.format(Math.round(seconds / 60), "minute");
  if (size < 43_200) return near.format(moment);
  return far.format(moment);
}
