/*
 * Gives every packet of a queue back whole, with its checksum computed anew, as a program that
 * rewrites packets does, and changes nothing: what that costs on this machine in C, with the
 * library's own functions. QUEUE: prints "ready", and runs until it is ended. IPv4, TCP.
 */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <libnetfilter_queue/libnetfilter_queue_tcp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define PACKET_BYTES 0xffff
#define BUFFER_BYTES (PACKET_BYTES + 4096)

static struct mnl_socket *nl;
static char answer[BUFFER_BYTES];
static int queue;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int give_back(const struct nlmsghdr *head, void *unused) {
  struct nlattr *attr[NFQA_MAX + 1] = {0};
  (void)unused;
  if (nfq_nlmsg_parse(head, attr) < 0 || !attr[NFQA_PACKET_HDR]) return MNL_CB_OK;
  struct nfqnl_msg_packet_hdr *packet = mnl_attr_get_payload(attr[NFQA_PACKET_HDR]);
  struct nlmsghdr *verdict = nfq_nlmsg_put(answer, NFQNL_MSG_VERDICT, queue);
  nfq_nlmsg_verdict_put(verdict, ntohl(packet->packet_id), NF_ACCEPT);
  if (attr[NFQA_PAYLOAD]) {
    struct nlattr *payload = attr[NFQA_PAYLOAD];
    struct iphdr *ip = mnl_attr_get_payload(payload);
    /* The kernel takes what comes back for complete (nfqnl_mangle: CHECKSUM_NONE). */
    nfq_tcp_compute_checksum_ipv4((struct tcphdr *)((char *)ip + ip->ihl * 4), ip);
    nfq_nlmsg_verdict_put_pkt(verdict, ip, mnl_attr_get_payload_len(payload));
  }
  if (mnl_socket_sendto(nl, verdict, verdict->nlmsg_len) < 0) fail("verdict");
  return MNL_CB_OK;
}

int main(int argc, char **argv) {
  static char buffer[BUFFER_BYTES];
  if (argc != 2) return 2;
  queue = atoi(argv[1]);
  nl = mnl_socket_open(NETLINK_NETFILTER);
  if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) fail("netlink");
  struct nlmsghdr *config = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue);
  nfq_nlmsg_cfg_put_cmd(config, AF_INET, NFQNL_CFG_CMD_BIND);
  if (mnl_socket_sendto(nl, config, config->nlmsg_len) < 0) fail("bind");
  config = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue);
  nfq_nlmsg_cfg_put_params(config, NFQNL_COPY_PACKET, PACKET_BYTES);
  mnl_attr_put_u32(config, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
  mnl_attr_put_u32(config, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
  if (mnl_socket_sendto(nl, config, config->nlmsg_len) < 0) fail("parameters");
  int one = 1;
  mnl_socket_setsockopt(nl, NETLINK_NO_ENOBUFS, &one, sizeof one);
  puts("ready");
  fflush(stdout);
  for (;;) {
    ssize_t count = mnl_socket_recvfrom(nl, buffer, sizeof buffer);
    if (count < 0) fail("recv");
    if (mnl_cb_run(buffer, count, 0, mnl_socket_get_portid(nl), give_back, NULL) < 0) fail("message");
  }
}
