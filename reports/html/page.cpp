#include "reports/html/page.h"

#include <fmt/format.h>

#include "kernels/device/error.h"
#include "reports/text.h"

namespace assay::reports {

void require_chart_library() {
  if (assets::CHART_LIBRARY.empty())
    throw InputError(
        "this program was built where Chart.js was not found, so it can draw no charts: install "
        "the package libjs-chart.js (ci/setup does), configure and build again; or pass "
        "-DASSAY_CHART_JS=<path of chart.min.js, version 3 or 4> to cmake");
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string escape_script_json(std::string json) {
  std::string out;
  out.reserve(json.size() + json.size() / 64);
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";  // within a string: JSON has '<' nowhere else
    } else {
      out += c;
    }
  }
  return out;
}

std::string render_page(const Page& page) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
      "form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n{}"
      "<noscript><p class=\"note\">Charts and the table of rows need JavaScript.</p></noscript>\n"
      "<script id=\"data\" type=\"application/json\">{}</script>\n<script>{}</script>\n",
      escape_html(page.title), assets::STYLE, page.body, escape_script_json(page.json),
      assets::CHART_LIBRARY);
  for (const std::string_view script : page.scripts)
    out += fmt::format("<script>\n{}</script>\n", script);
  return out + "</body>\n</html>\n";
}

}  // namespace assay::reports
