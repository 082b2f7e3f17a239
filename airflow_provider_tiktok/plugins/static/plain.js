// Copyright the airflow-provider-tiktok contributors.
// SPDX-License-Identifier: Apache-2.0

// Airflow 3.1 shows the plain page in a frame whose links cannot leave it: Airflow would open inside of
// itself. The frame and Airflow have the same origin, so the link is followed out there, and its theme known.
"use strict";

(() => {
  if (window.parent === window) return;
  const airflow = window.parent.document;
  const followTheme = () => {
    const isDark = airflow.documentElement.classList.contains("dark");
    document.documentElement.style.colorScheme = isDark ? "dark" : "light";
  };
  followTheme();
  new MutationObserver(followTheme).observe(airflow.documentElement, { attributeFilter: ["class"] });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[rel=up]");
    if (!link) return;
    event.preventDefault();
    const twin = airflow.createElement("a");
    twin.href = link.href;
    airflow.body.append(twin);
    twin.click();
    twin.remove();
  });
})();
