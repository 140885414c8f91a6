#include "destination/running_queries.h"

#include <chrono>

#include <fmt/format.h>

#include "base/backoff.h"
#include "base/error.h"
#include "destination/quoting.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

constexpr int kLooks = 20;
constexpr milliseconds kBetweenLooks{50};

}  // namespace

void end_queries(const ClickHouseEndpoint& endpoint, const std::string& prefix, const std::stop_token& stop) {
    ClickHouseEndpoint plain = endpoint;
    plain.query_id_prefix.clear();  // not to be one of those that are looked for
    ClickHouseClient client(plain, stop);
    const std::string ours = "startsWith(query_id, " + quote_target_literal(prefix) + ")";
    const std::string count = "SELECT count() FROM system.processes WHERE " + ours;
    std::string refused, running;
    if (!endpoint.cluster.empty()) {  // on each of its servers; waits for them
        client.query(fmt::format("KILL QUERY ON CLUSTER {} WHERE {} SYNC",
                                 quote_target_identifier(endpoint.cluster), ours));
    }
    for (int look = 0; look < kLooks; ++look) {
        running = client.query(count);
        if (running == "0") return;
        if (refused.empty()) {
            try {
                client.query("KILL QUERY WHERE " + ours + " ASYNC");
            } catch (const Error& e) {
                if (e.disposition() == Disposition::kRetry) throw;
                refused = e.message();
            }
        }
        if (!sleep_unless_stopped(stop, kBetweenLooks)) break;
    }
    throw Error(Disposition::kRetry, "end what a process before has sent",
                running + " statements of this pipe still run at ClickHouse" +
                    (refused.empty() ? "" : ", which does not let them be ended: " + refused),
                "The pipe goes on when they have ended");
}

}  // namespace penstock
