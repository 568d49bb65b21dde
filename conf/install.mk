# Where things go: `make install`, `make uninstall`, `make deb`. The packages in debian/ are made from the same install.
# conf/ names programs under /usr/local/sbin; what is installed names them under PREFIX.
PREFIX   ?= /usr/local
UNIT_DIR ?= $(PREFIX)/lib/systemd/system
TO        = $(DESTDIR)$(PREFIX)
MANUALS   = docs/man/ackgate.8 docs/man/ackgate-recover.8 $(BUILD)/man/ackgate.cnf.5
SAMPLES   = $(filter-out conf/ackgate.cnf conf/ackgate-recover.cnf,$(wildcard conf/*.cnf conf/*.yml conf/*.json conf/*.socket))
DROP_INS  = $(wildcard conf/*.service.d/*.conf)
man_path  = $(TO)/share/man/man$(subst .,,$(suffix $(1)))/$(notdir $(1))

$(BUILD)/man/ackgate.cnf.5: docs/man/keys.awk docs/man/ackgate.cnf.5.in conf/ackgate.cnf
	@mkdir -p $(@D)
	$(Q)awk -f $^ >$@

.PHONY: install uninstall deb
# $(1) is installed as $(2) with its programs' paths
define install_text
install -d $(dir $(2))
sed 's,/usr/local/sbin/,$(PREFIX)/sbin/,g' $(1) >$(2)
chmod 644 $(2)

endef

## make install    programs, unit, man pages and samples (DESTDIR= PREFIX=/usr/local); a config that is there is kept
install: $(PROGRAMS) $(BUILD)/man/ackgate.cnf.5
	install -d $(TO)/sbin $(TO)/share/doc/ackgate $(DESTDIR)/etc/ackgate $(DESTDIR)/etc/logrotate.d
	install -m 755 $(PROGRAMS) $(TO)/sbin/
	$(foreach page,$(MANUALS),$(call install_text,$(page),$(call man_path,$(page))))
	$(call install_text,conf/ackgate.service,$(DESTDIR)$(UNIT_DIR)/ackgate.service)
	$(call install_text,conf/ackgate.sysusers,$(TO)/lib/sysusers.d/ackgate.conf)
	$(call install_text,conf/ackgate.tmpfiles,$(TO)/lib/tmpfiles.d/ackgate.conf)
	install -m 644 conf/ackgate.logrotate $(DESTDIR)/etc/logrotate.d/ackgate
	$(foreach file,$(DROP_INS) $(SAMPLES),$(call install_text,$(file),$(TO)/share/ackgate/$(file:conf/%=%)))
	install -m 644 README.md docs/*.md $(TO)/share/doc/ackgate/
	for name in ackgate ackgate-recover; do to=$(DESTDIR)/etc/ackgate/$$name.cnf; [ -e $$to ] || install -m 600 conf/$$name.cnf $$to; done
	@[ -n "$(DESTDIR)" ] || echo "Once, where ackgate is to run: systemd-sysusers && systemd-tmpfiles --create ackgate.conf && systemctl daemon-reload"

## make uninstall  takes those away again; /etc/ackgate and ackgate's data stay
uninstall:
	rm -f $(patsubst $(BUILD)/%,$(TO)/sbin/%,$(PROGRAMS)) $(DESTDIR)$(UNIT_DIR)/ackgate.service $(DESTDIR)/etc/logrotate.d/ackgate
	rm -f $(foreach page,$(MANUALS),$(call man_path,$(page)))
	rm -f $(TO)/lib/sysusers.d/ackgate.conf $(TO)/lib/tmpfiles.d/ackgate.conf
	rm -rf $(TO)/share/ackgate $(TO)/share/doc/ackgate

## make deb        the Debian packages build/ackgate_*.deb and build/ackgate-recover_*.deb
deb: deps
	@$(MAKE) -j$$(nproc) --no-print-directory $(BUILD)/.packages
	@ls $(BUILD)/*.deb
PACKAGED = $(PROGRAMS) $(BUILD)/man/ackgate.cnf.5 README.md $(wildcard conf/* conf/*.d/* docs/*.md docs/man/* debian/*)
$(BUILD)/.packages: $(filter-out debian/files debian/ackgate debian/ackgate-recover debian/tmp debian/%.substvars debian/%.debhelper debian/debhelper-build-stamp,$(PACKAGED))
	@rm -f $(BUILD)/*.deb
	$(if $(V),,@echo "  DEB  $(BUILD)/ackgate*.deb")
	$(Q)BUILD=$(BUILD) debian/rules binary >$(BUILD)/deb.log 2>&1 || { cat $(BUILD)/deb.log; exit 1; }
	@debian/rules clean >/dev/null 2>&1
	@touch $@
