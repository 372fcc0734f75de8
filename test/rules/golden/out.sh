#!/bin/sh
# Firewall rules of seqshim 0.1.0. Needs root. To remove them: seqshim down
set -e
PATH=$PATH:/usr/sbin:/sbin
nft_rules() {
  cat <<'RULES'
table inet seqshim
delete table inet seqshim
table inet seqshim {
  set repair4 {
    type ipv4_addr . inet_service . ipv4_addr . inet_service
  }
  set repair6 {
    type ipv6_addr . inet_service . ipv6_addr . inet_service
  }
  chain raw-rules {
    meta mark & 0x1000 == 0x1000 meta mark set meta mark & 0xffffefff return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    iifname "lo" return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    meta mark & 0x2000 == 0x2000 return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    ip saddr . tcp sport . ip daddr . tcp dport @repair4 queue num 5011 comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    ip6 saddr . tcp sport . ip6 daddr . tcp dport @repair6 queue num 5011 comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    tcp flags & (fin | syn | rst) != 0x0 fib daddr type local queue num 5011 bypass comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    tcp option sack exists fib daddr type local queue num 5011 bypass comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
  }
  chain raw {
    type filter hook prerouting priority -300; policy accept;
    iifname != "lo" tcp flags & (fin | syn | rst) == 0x0 tcp option sack missing meta mark & 0x3000 == 0x0 ip saddr . tcp sport . ip daddr . tcp dport != @repair4 return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    iifname != "lo" tcp flags & (fin | syn | rst) == 0x0 tcp option sack missing meta mark & 0x3000 == 0x0 ip6 saddr . tcp sport . ip6 daddr . tcp dport != @repair6 return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    ip saddr 10.0.0.0/8 tcp sport { 22 } goto raw-rules comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    ip6 saddr fd00::/8 tcp sport { 22 } goto raw-rules comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
  }
  chain raw-icmp-rules {
    meta mark & 0x1000 == 0x1000 meta mark set meta mark & 0xffffefff return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    iifname "lo" return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    meta mark & 0x2000 == 0x2000 return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    fib daddr type local queue num 5011 bypass comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
  }
  chain raw-icmp {
    type filter hook prerouting priority -300; policy accept;
    meta nfproto ipv4 icmp type destination-unreachable icmp code 4 goto raw-icmp-rules comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    meta nfproto ipv6 icmpv6 type packet-too-big goto raw-icmp-rules comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
  }
  chain in-rules {
    meta mark & 0x1000 == 0x1000 meta mark set meta mark & 0xffffefff return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    iifname "lo" return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    meta mark & 0x2000 == 0x2000 return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    tcp flags & (fin | syn | rst) != 0x0 return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    tcp option sack exists return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    ip saddr . tcp sport . ip daddr . tcp dport @repair4 return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    ip6 saddr . tcp sport . ip6 daddr . tcp dport @repair6 return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    queue num 5011 bypass comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
  }
  chain in {
    type filter hook input priority -150; policy accept;
    ip saddr 10.0.0.0/8 tcp sport { 22 } goto in-rules comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    ip6 saddr fd00::/8 tcp sport { 22 } goto in-rules comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
  }
  chain out-rules {
    meta mark & 0x1000 == 0x1000 meta mark set meta mark & 0xffffefff return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    oifname "lo" return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    meta mark & 0x2000 == 0x2000 return comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    fib saddr type local queue num 5011 bypass comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
  }
  chain out {
    type filter hook postrouting priority -150; policy accept;
    oifname != "lo" meta mark & 0x3000 == 0x0 ip daddr . tcp dport . ip saddr . tcp sport @repair4 queue num 5011 comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    oifname != "lo" meta mark & 0x3000 == 0x0 ip6 daddr . tcp dport . ip6 saddr . tcp sport @repair6 queue num 5011 comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    ip daddr 10.0.0.0/8 tcp dport { 22 } goto out-rules comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
    ip6 daddr fd00::/8 tcp dport { 22 } goto out-rules comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh"
  }
}
RULES
}
if nft_rules | nft -c -f - 2>/dev/null; then
  nft_rules | nft -f -
  echo 'installed with nft'
  exit 0
fi
iptables-restore --noflush -w 5 <<'RULES'
*raw
:SEQSHIM-SAVE - [0:0]
:SEQSHIM-RAW - [0:0]
:SEQSHIM-RAW-RULES - [0:0]
:SEQSHIM-RAW-REPAIR - [0:0]
:SEQSHIM-ICMP - [0:0]
:SEQSHIM-ICMP-RULES - [0:0]
-A SEQSHIM-SAVE -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j MARK --set-xmark 0x0/0x1000
-A SEQSHIM-RAW-RULES -m mark --mark 0x1000/0x1000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-SAVE
-A SEQSHIM-RAW-RULES -i lo -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-RAW-RULES -m mark --mark 0x2000/0x2000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-RAW-RULES -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-RAW-REPAIR
-A SEQSHIM-RAW-RULES -p tcp ! --tcp-flags SYN,FIN,RST NONE -m addrtype --dst-type LOCAL -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j NFQUEUE --queue-num 5011 --queue-bypass
-A SEQSHIM-RAW-RULES -p tcp --tcp-option 5 -m addrtype --dst-type LOCAL -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j NFQUEUE --queue-num 5011 --queue-bypass
-A SEQSHIM-ICMP-RULES -m mark --mark 0x1000/0x1000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-SAVE
-A SEQSHIM-ICMP-RULES -i lo -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-ICMP-RULES -m mark --mark 0x2000/0x2000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-ICMP-RULES -m addrtype --dst-type LOCAL -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j NFQUEUE --queue-num 5011 --queue-bypass
-A SEQSHIM-RAW -p tcp ! -i lo --tcp-flags SYN,FIN,RST NONE ! --tcp-option 5 -m mark --mark 0x0/0x3000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-RAW-REPAIR
-A SEQSHIM-RAW -s 10.0.0.0/8 -p tcp --sport 22 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-RAW-RULES
-A PREROUTING -p tcp -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-RAW
-A SEQSHIM-ICMP -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-ICMP-RULES
-A PREROUTING -p icmp -m icmp --icmp-type 3/4 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-ICMP
COMMIT
*mangle
:SEQSHIM-SAVE - [0:0]
:SEQSHIM-IN - [0:0]
:SEQSHIM-IN-RULES - [0:0]
:SEQSHIM-IN-REPAIR - [0:0]
:SEQSHIM-OUT - [0:0]
:SEQSHIM-OUT-RULES - [0:0]
:SEQSHIM-OUT-REPAIR - [0:0]
-A SEQSHIM-SAVE -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j MARK --set-xmark 0x0/0x1000
-A SEQSHIM-IN-RULES -m mark --mark 0x1000/0x1000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-SAVE
-A SEQSHIM-IN-RULES -i lo -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-IN-RULES -m mark --mark 0x2000/0x2000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-IN-RULES -p tcp ! --tcp-flags SYN,FIN,RST NONE -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-IN-RULES -p tcp --tcp-option 5 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-IN-RULES -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-IN-REPAIR
-A SEQSHIM-IN-REPAIR -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j NFQUEUE --queue-num 5011 --queue-bypass
-A SEQSHIM-OUT-RULES -m mark --mark 0x1000/0x1000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-SAVE
-A SEQSHIM-OUT-RULES -o lo -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-OUT-RULES -m mark --mark 0x2000/0x2000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-OUT-RULES -m addrtype --src-type LOCAL -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j NFQUEUE --queue-num 5011 --queue-bypass
-A SEQSHIM-IN -s 10.0.0.0/8 -p tcp --sport 22 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-IN-RULES
-A INPUT -p tcp -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-IN
-A SEQSHIM-OUT ! -o lo -m mark --mark 0x0/0x3000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-OUT-REPAIR
-A SEQSHIM-OUT -d 10.0.0.0/8 -p tcp --dport 22 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-OUT-RULES
-A POSTROUTING -p tcp -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-OUT
COMMIT
RULES
echo 'installed with iptables'
ip6tables-restore --noflush -w 5 <<'RULES' || echo 'without IPv6'
*raw
:SEQSHIM-SAVE - [0:0]
:SEQSHIM-RAW - [0:0]
:SEQSHIM-RAW-RULES - [0:0]
:SEQSHIM-RAW-REPAIR - [0:0]
:SEQSHIM-ICMP - [0:0]
:SEQSHIM-ICMP-RULES - [0:0]
-A SEQSHIM-SAVE -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j MARK --set-xmark 0x0/0x1000
-A SEQSHIM-RAW-RULES -m mark --mark 0x1000/0x1000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-SAVE
-A SEQSHIM-RAW-RULES -i lo -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-RAW-RULES -m mark --mark 0x2000/0x2000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-RAW-RULES -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-RAW-REPAIR
-A SEQSHIM-RAW-RULES -p tcp ! --tcp-flags SYN,FIN,RST NONE -m addrtype --dst-type LOCAL -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j NFQUEUE --queue-num 5011 --queue-bypass
-A SEQSHIM-RAW-RULES -p tcp --tcp-option 5 -m addrtype --dst-type LOCAL -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j NFQUEUE --queue-num 5011 --queue-bypass
-A SEQSHIM-ICMP-RULES -m mark --mark 0x1000/0x1000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-SAVE
-A SEQSHIM-ICMP-RULES -i lo -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-ICMP-RULES -m mark --mark 0x2000/0x2000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-ICMP-RULES -m addrtype --dst-type LOCAL -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j NFQUEUE --queue-num 5011 --queue-bypass
-A SEQSHIM-RAW -p tcp ! -i lo --tcp-flags SYN,FIN,RST NONE ! --tcp-option 5 -m mark --mark 0x0/0x3000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-RAW-REPAIR
-A SEQSHIM-RAW -s fd00::/8 -p tcp --sport 22 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-RAW-RULES
-A PREROUTING -p tcp -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-RAW
-A SEQSHIM-ICMP -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-ICMP-RULES
-A PREROUTING -p ipv6-icmp -m icmp6 --icmpv6-type 2 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-ICMP
COMMIT
*mangle
:SEQSHIM-SAVE - [0:0]
:SEQSHIM-IN - [0:0]
:SEQSHIM-IN-RULES - [0:0]
:SEQSHIM-IN-REPAIR - [0:0]
:SEQSHIM-OUT - [0:0]
:SEQSHIM-OUT-RULES - [0:0]
:SEQSHIM-OUT-REPAIR - [0:0]
-A SEQSHIM-SAVE -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j MARK --set-xmark 0x0/0x1000
-A SEQSHIM-IN-RULES -m mark --mark 0x1000/0x1000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-SAVE
-A SEQSHIM-IN-RULES -i lo -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-IN-RULES -m mark --mark 0x2000/0x2000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-IN-RULES -p tcp ! --tcp-flags SYN,FIN,RST NONE -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-IN-RULES -p tcp --tcp-option 5 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-IN-RULES -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-IN-REPAIR
-A SEQSHIM-IN-REPAIR -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j NFQUEUE --queue-num 5011 --queue-bypass
-A SEQSHIM-OUT-RULES -m mark --mark 0x1000/0x1000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-SAVE
-A SEQSHIM-OUT-RULES -o lo -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-OUT-RULES -m mark --mark 0x2000/0x2000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j RETURN
-A SEQSHIM-OUT-RULES -m addrtype --src-type LOCAL -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j NFQUEUE --queue-num 5011 --queue-bypass
-A SEQSHIM-IN -s fd00::/8 -p tcp --sport 22 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-IN-RULES
-A INPUT -p tcp -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-IN
-A SEQSHIM-OUT ! -o lo -m mark --mark 0x0/0x3000 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-OUT-REPAIR
-A SEQSHIM-OUT -d fd00::/8 -p tcp --dport 22 -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -g SEQSHIM-OUT-RULES
-A POSTROUTING -p tcp -m comment --comment "seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh" -j SEQSHIM-OUT
COMMIT
RULES
