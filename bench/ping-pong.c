/*
 * The round trip of one octet over one TCP connection, as a program sees it.
 * serve PORT: echoes for one connection after another. ADDR PORT ROUNDS [US]: prints p50, p99 and
 * p999 in nanoseconds, pausing for so long behind each round. connects ADDR PORT MS: new connections of one octet each, one after the other for
 * so long, and prints how many a second. In C, so that the figure is the path's and not an event
 * loop's.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int by_size(const void *a, const void *b) {
  long long x = *(const long long *)a, y = *(const long long *)b;
  return (x > y) - (x < y);
}

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void no_delay(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void serve(struct sockaddr_in *address) {
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)address, sizeof *address) || listen(listener, 8)) fail("listen");
  puts("serving");
  fflush(stdout);
  for (;;) {
    char octet;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) fail("accept");
    no_delay(fd);
    while (read(fd, &octet, 1) == 1 && write(fd, &octet, 1) == 1);
    close(fd);
  }
}

static void connects(struct sockaddr_in *address, long ms) {
  long count = 0;
  long long start = now_ns();
  while (now_ns() - start < ms * 1000000LL) {
    char octet = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (void *)address, sizeof *address)) fail("connect");
    no_delay(fd);
    if (write(fd, &octet, 1) != 1 || read(fd, &octet, 1) != 1) fail("round");
    close(fd);
    count++;
  }
  printf("%.1f\n", count / ((now_ns() - start) / 1e9));
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (argc == 5 && strcmp(argv[1], "connects") == 0) {
    address.sin_port = htons(atoi(argv[3]));
    inet_pton(AF_INET, argv[2], &address.sin_addr);
    connects(&address, atol(argv[4]));
    return 0;
  }
  if (argc == 3 && strcmp(argv[1], "serve") == 0) {
    address.sin_port = htons(atoi(argv[2]));
    serve(&address);
  }
  if (argc != 4 && argc != 5) return 2;
  long pause_us = argc == 5 ? atol(argv[4]) : 0;
  address.sin_port = htons(atoi(argv[2]));
  inet_pton(AF_INET, argv[1], &address.sin_addr);
  long rounds = atol(argv[3]), warm = rounds / 2;
  long long *took = calloc(rounds, sizeof *took);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (void *)&address, sizeof address)) fail("connect");
  no_delay(fd);
  for (long i = -warm; i < rounds; i++) {
    char octet = 0;
    long long start = now_ns();
    if (write(fd, &octet, 1) != 1 || read(fd, &octet, 1) != 1) fail("round");
    if (i >= 0) took[i] = now_ns() - start;
    if (pause_us > 0) usleep(pause_us);
  }
  qsort(took, rounds, sizeof *took, by_size);
  printf("%lld %lld %lld\n", took[rounds / 2], took[rounds * 99 / 100], took[rounds * 999 / 1000]);
  return 0;
}
