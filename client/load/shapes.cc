// SPDX-License-Identifier: Apache-2.0
#include "load/shapes.h"

#include <array>

namespace footfall::load {
namespace {

constexpr std::array<Shape, 6> kShapes = {{
    {"safari-iphone",
     "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 "
     "Mobile/15E148 Safari/604.1",
     "Accept: */*\r\nAccept-Language: vi-VN,vi;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: "
     "keep-alive\r\n"},
    {"firefox-linux", "Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0",
     "Accept: image/avif,image/webp,*/*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"
     "Connection: keep-alive\r\nSec-Fetch-Dest: image\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Site: cross-site\r\n"},
    {"chrome-windows",
     "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0.0.0 Safari/537.36",
     "Connection: keep-alive\r\nsec-ch-ua: \"Google Chrome\";v=\"123\", \"Not:A-Brand\";v=\"8\", "
     "\"Chromium\";v=\"123\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Windows\"\r\n"
     "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\nSec-Fetch-Site: cross-site\r\n"
     "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
     "Accept-Language: vi-VN,vi;q=0.9,fr-FR;q=0.8,fr;q=0.7,en-US;q=0.6,en;q=0.5\r\n"},
    {"chrome-android",
     "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0.0.0 Mobile Safari/537.36",
     "Connection: keep-alive\r\nsec-ch-ua: \"Google Chrome\";v=\"123\", \"Not:A-Brand\";v=\"8\", "
     "\"Chromium\";v=\"123\"\r\nsec-ch-ua-mobile: ?1\r\nsec-ch-ua-platform: \"Android\"\r\nAccept: */*\r\n"
     "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
     "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: vi-VN,vi;q=0.9\r\n"},
    {"samsung",
     "Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-A536E) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/24.0 "
     "Chrome/117.0.0.0 Mobile Safari/537.36",
     "Connection: keep-alive\r\nAccept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n"
     "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n"
     "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: vi-VN,vi;q=0.9,en-US;q=0.8,en;q=0.7\r\n"},
    {"edge-cookies",
     "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0.0.0 Safari/537.36 "
     "Edg/123.0.0.0",
     "Connection: keep-alive\r\nsec-ch-ua: \"Microsoft Edge\";v=\"123\", \"Not:A-Brand\";v=\"8\", "
     "\"Chromium\";v=\"123\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Windows\"\r\nAccept: */*\r\n"
     "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
     "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: vi,en;q=0.9,en-GB;q=0.8,en-US;q=0.7\r\n"
     "Cookie: consent=v2.1711929600.all; session=5f3c9a1be07d4426a8c1d2e3f4051627; theme=light; lang=vi; "
     "seen=a1b2c3,d4e5f6,070809,0a0b0c,0d0e0f\r\n"},
}};

}  // namespace

std::span<const Shape> shapes() {
  return kShapes;
}

}  // namespace footfall::load
