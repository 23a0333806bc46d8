// One HTML file that opens without a network.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assay::reports {

/// What the build has put into the program.
namespace assets {
extern const std::string_view CHART_LIBRARY;  ///< Chart.js; empty where the build found none.
extern const std::string_view STYLE;
extern const std::string_view CHARTS;  ///< What all pages draw with.
extern const std::string_view REPORT;  ///< Of `report html`.
extern const std::string_view TABLE;   ///< The same.
extern const std::string_view TREND;   ///< Of `report trend`.
}  // namespace assets

/// Throws InputError, saying what to install, where the program was built without Chart.js.
void require_chart_library();

/// Text as it may stand between tags and inside quoted attributes: & < > " ' escaped, what no text
/// may hold (control characters, malformed UTF-8) replaced.
std::string escape_html(std::string_view text);

/// JSON as it may stand in a script element: no '<' in it, so it can neither end the element nor
/// open a comment.
std::string escape_script_json(std::string json);

struct Page {
  std::string title;                      ///< Plain text.
  std::string body;                       ///< HTML.
  std::string json;                       ///< Data for the scripts, unescaped.
  std::vector<std::string_view> scripts;  ///< Run in this order, after Chart.js.
};

/// The whole file. A content security policy in it forbids every network access.
std::string render_page(const Page& page);

}  // namespace assay::reports
