#include "api/http_listener.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "api/http_message.h"
#include "api/sockets.h"

namespace penstock {

namespace {

constexpr std::chrono::seconds kHeadTime{10};     // for TLS and the headers to arrive
constexpr std::chrono::seconds kMessageTime{30};  // for a body to arrive, and for an answer to leave
constexpr std::chrono::seconds kGoodbyeTime{2};   // for the client to close after it has its answer
constexpr uint64_t kMaxHead = 64 << 10;           // request line and headers
// Pipes need descriptors too.
constexpr size_t kMaxClients = 256;
constexpr size_t kMaxQueued = 64;  // in one lane, before its threads; bodies that are arriving
constexpr size_t kProbeThreads = 2;
constexpr std::chrono::milliseconds kNoFiles{100};  // until the next accept when there is no room

Deadline in(std::chrono::seconds time) {
    return std::chrono::steady_clock::now() + time;
}

enum class Phase { kHead, kBody, kAnswer, kGoodbye };

/// A connection in the hands of the one thread that moves bytes, or of a worker.
struct Client {
    Client(FileDescriptor fd, const TlsContext* tls)
        : exchange(std::move(fd), tls),
          network(network_of(exchange.connection.client())),
          until(in(kHeadTime)) {}

    HttpExchange exchange;
    std::string network;
    Deadline until;
    Phase phase = Phase::kHead;
};
using ClientPointer = std::unique_ptr<Client>;

/// The threads of a lane and what waits for them.
struct LaneQueue {
    std::deque<ClientPointer> waiting;
    std::condition_variable changed;
    std::vector<std::thread> threads;
};

}  // namespace

class HttpListener::Impl {
  public:
    Impl(HttpListenerOptions options, Admit admit, Handler handler, Refusal refusal)
        : options_(std::move(options)),
          messages_(options_.max_body_bytes, std::move(admit), std::move(handler), std::move(refusal)) {}
    ~Impl() { stop(); }

    void start() {
        std::optional<TlsContext> tls;
        if (!options_.tls_certificate.empty()) tls.emplace(options_.tls_certificate, options_.tls_key);
        std::vector<ListenSocket> sockets;
        for (const std::string& address : options_.listen) sockets.push_back(listen_on(address));
        tls_ = std::move(tls);
        sockets_ = std::move(sockets);
        for (const ListenSocket& socket : sockets_) {
            urls_.push_back((tls_ ? "https://" : "http://") + socket.address);
        }
        wake_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        for (Lane lane : kLanes) {
            size_t threads = lane == Lane::kProbe ? kProbeThreads : options_.worker_threads;
            for (size_t i = 0; i < threads; ++i) {
                queue_of(lane).threads.emplace_back([this, lane] { work(lane); });
            }
        }
        mover_ = std::thread([this] { move_bytes(); });
    }

    /// What is still arriving ends here; a request under way is answered, and its answer leaves.
    void stop() {
        if (!mover_.joinable()) return;
        {
            std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        ::eventfd_write(wake_.get(), 1);
        for (Lane lane : kLanes) queue_of(lane).changed.notify_all();
        for (Lane lane : kLanes) {
            for (std::thread& thread : queue_of(lane).threads) thread.join();
            queue_of(lane).threads.clear();
            queue_of(lane).waiting.clear();
        }
        {
            std::lock_guard lock(mutex_);
            answered_ = true;
        }
        ::eventfd_write(wake_.get(), 1);
        mover_.join();
        sockets_.clear();
    }

    const std::vector<std::string>& urls() const { return urls_; }

  private:
    static constexpr Lane kLanes[] = {Lane::kProbe, Lane::kLook, Lane::kCommand, Lane::kServers};
    LaneQueue& queue_of(Lane lane) { return queues_[static_cast<size_t>(lane)]; }

    // The mover's: what has `clients` is called by that thread only.

    void move_bytes() {
        std::vector<ClientPointer> clients;
        Deadline no_accept_before{};
        std::vector<pollfd> polled;
        while (true) {
            bool stopping = false, answered = false;
            take_back(clients, stopping, answered);
            if (stopping) {
                std::erase_if(clients, [](const ClientPointer& c) { return c->phase < Phase::kAnswer; });
                if (answered && clients.empty()) return;
            }
            bool accepting = !stopping && std::chrono::steady_clock::now() >= no_accept_before;
            polled.clear();
            polled.push_back({wake_.get(), POLLIN, 0});
            for (const ListenSocket& socket : sockets_) {
                polled.push_back({accepting ? socket.fd.get() : -1, POLLIN, 0});
            }
            for (const ClientPointer& client : clients) {
                Connection& connection = client->exchange.connection;
                polled.push_back({connection.fd(), connection.waits_for(), 0});
            }
            ::poll(polled.data(), polled.size(), poll_time(clients, !accepting && !stopping));
            if ((polled[0].revents & POLLIN) != 0) {
                eventfd_t ignored = 0;
                ::eventfd_read(wake_.get(), &ignored);
            }
            advance(clients, polled.data() + 1 + sockets_.size());
            for (size_t i = 0; accepting && i < sockets_.size(); ++i) {
                if (polled[1 + i].revents == 0) continue;
                if (!accept_one(sockets_[i].fd.get(), clients)) {
                    no_accept_before = std::chrono::steady_clock::now() + kNoFiles;
                }
            }
            std::lock_guard lock(mutex_);
            bodies_ =
                static_cast<size_t>(std::count_if(clients.begin(), clients.end(), [](const ClientPointer& c) {
                    return c->phase == Phase::kBody;
                }));
        }
    }

    static int poll_time(const std::vector<ClientPointer>& clients, bool soon) {
        if (clients.empty()) return soon ? static_cast<int>(kNoFiles.count()) : -1;
        Deadline first = Deadline::max();
        for (const ClientPointer& client : clients) first = std::min(first, client->until);
        auto left = std::chrono::ceil<std::chrono::milliseconds>(first - std::chrono::steady_clock::now());
        return static_cast<int>(std::clamp<int64_t>(left.count(), 0, soon ? kNoFiles.count() : 60'000));
    }

    /// What workers are done with.
    void take_back(std::vector<ClientPointer>& clients, bool& stopping, bool& answered) {
        std::vector<ClientPointer> back;
        {
            std::lock_guard lock(mutex_);
            stopping = stopping_;
            answered = answered_;
            back.swap(back_);
        }
        for (ClientPointer& client : back) {
            client->until = in(kMessageTime);
            // At once: TLS may hold bytes that poll() does not see.
            if (move(client)) clients.push_back(std::move(client));
        }
    }

    void advance(std::vector<ClientPointer>& clients, const pollfd* polled) {
        const Deadline now = std::chrono::steady_clock::now();
        std::vector<ClientPointer> rest;
        for (size_t i = 0; i < clients.size(); ++i) {
            ClientPointer& client = clients[i];
            if (polled[i].revents == 0 && client->until <= now) {
                if (client->phase != Phase::kBody) continue;
                client->exchange.body_ended = true;  // answered as what is not complete
                hand_over(client, client->exchange.admission.lane);
            } else if (polled[i].revents == 0 || move(client)) {
                rest.push_back(std::move(client));
            }
        }
        clients = std::move(rest);
    }

    /// Moves what can be moved now. False: the client is a worker's now, or gone.
    bool move(ClientPointer& client) {
        HttpExchange& exchange = client->exchange;
        Connection& connection = exchange.connection;
        if (client->phase == Phase::kHead) {
            if (!connection.receive(kMaxHead)) return false;
            bool whole = HttpMessages::head_end(connection.input()) != std::string::npos;
            exchange.head_too_large = !whole && connection.input().size() >= kMaxHead;
            if (!whole && !exchange.head_too_large) {
                if (!connection.ended()) return true;
                if (connection.input().empty()) return false;
            }
            std::string_view path = HttpMessages::path_of(connection.input());
            const std::vector<std::string>& probes = options_.probe_paths;
            bool probe = std::find(probes.begin(), probes.end(), path) != probes.end();
            hand_over(client, probe ? Lane::kProbe : Lane::kLook);
            return false;
        }
        if (client->phase == Phase::kBody) {
            if (!connection.send()) return false;  // "100 Continue"
            size_t limit = exchange.chunks ? SIZE_MAX : exchange.body_end;
            if (exchange.chunks) limit = connection.input().size() + kMaxHead;
            do {
                if (!connection.receive(limit)) return false;
                if (exchange.body_is_here(options_.max_body_bytes)) {
                    hand_over(client, exchange.admission.lane);
                    return false;
                }
                if (connection.input().size() < limit) return true;
                limit += kMaxHead;
            } while (true);
        }
        if (client->phase == Phase::kAnswer) {
            if (!connection.send()) return false;
            if (!connection.sent()) return true;
            connection.say_goodbye();
            client->phase = Phase::kGoodbye;
            client->until = in(kGoodbyeTime);
        }
        return !connection.drain();
    }

    void hand_over(ClientPointer& client, Lane lane) {
        std::lock_guard lock(mutex_);
        LaneQueue& queue = queue_of(lane);
        // What has been admitted was counted then.
        if (stopping_ || (!client->exchange.admitted && queue.waiting.size() >= kMaxQueued)) return;
        queue.waiting.push_back(std::move(client));
        queue.changed.notify_one();
    }

    /// False: there is no room just now.
    bool accept_one(int socket, std::vector<ClientPointer>& clients) {
        int fd = ::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            bool gone = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
            if (!gone) spdlog::warn("API: cannot accept a connection: {}", std::strerror(errno));
            return gone;
        }
        auto client = std::make_unique<Client>(FileDescriptor(fd), tls_ ? &*tls_ : nullptr);
        if (clients.size() >= kMaxClients && !make_room(clients)) return false;
        clients.push_back(std::move(client));
        return true;
    }

    /// Drops the oldest one that has not been admitted, or has its answer, of the network with most of them.
    static bool make_room(std::vector<ClientPointer>& clients) {
        auto droppable = [](const ClientPointer& c) { return c->phase != Phase::kBody; };
        std::map<std::string_view, size_t> counts;
        for (const ClientPointer& client : clients) counts[client->network] += droppable(client) ? 1 : 0;
        auto most = std::max_element(counts.begin(), counts.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
        if (most == counts.end() || most->second == 0) return false;
        clients.erase(std::find_if(clients.begin(), clients.end(), [&](const ClientPointer& c) {
            return droppable(c) && c->network == most->first;
        }));
        return true;
    }

    // The workers'.

    void work(Lane lane) {
        LaneQueue& queue = queue_of(lane);
        while (true) {
            ClientPointer client;
            {
                std::unique_lock lock(mutex_);
                queue.changed.wait(lock, [&] { return stopping_ || !queue.waiting.empty(); });
                if (stopping_) return;
                client = std::move(queue.waiting.front());
                queue.waiting.pop_front();
            }
            serve(std::move(client), lane);
        }
    }

    void serve(ClientPointer client, Lane lane) {
        HttpExchange& exchange = client->exchange;
        bool answered = messages_.serve(exchange, lane);
        std::unique_lock lock(mutex_);
        if (!answered) {
            LaneQueue& queue = queue_of(exchange.admission.lane);
            if (queue.waiting.size() + bodies_ >= kMaxQueued) {
                lock.unlock();
                messages_.refuse(exchange, 503);
                lock.lock();
                answered = true;
            } else if (exchange.body_is_here(options_.max_body_bytes)) {
                queue.waiting.push_back(std::move(client));
                queue.changed.notify_one();
                return;
            }
        }
        client->phase = answered ? Phase::kAnswer : Phase::kBody;
        back_.push_back(std::move(client));
        lock.unlock();
        ::eventfd_write(wake_.get(), 1);
    }

    const HttpListenerOptions options_;
    HttpMessages messages_;
    std::optional<TlsContext> tls_;
    std::vector<ListenSocket> sockets_;
    std::vector<std::string> urls_;
    FileDescriptor wake_;
    std::thread mover_;

    std::mutex mutex_;  // guards what follows, the queues' threads apart
    LaneQueue queues_[std::size(kLanes)];
    bool stopping_ = false, answered_ = false;
    std::vector<ClientPointer> back_;  // for the mover
    size_t bodies_ = 0;                // arriving
};

HttpListener::HttpListener(HttpListenerOptions options, Admit admit, Handler handler, Refusal refusal)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(admit), std::move(handler),
                                   std::move(refusal))) {}
HttpListener::~HttpListener() = default;

void HttpListener::start() {
    impl_->start();
}
void HttpListener::stop() {
    impl_->stop();
}
const std::vector<std::string>& HttpListener::urls() const {
    return impl_->urls();
}

}  // namespace penstock
