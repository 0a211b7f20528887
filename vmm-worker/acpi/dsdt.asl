/*
 * vmm-worker/acpi/dsdt.asl - what the board has that cannot be enumerated
 *
 * Power management is in the FADT, CPUs and the IOAPIC are in the MADT. acpi.c puts
 * its own names into the header, so that the bytes do not depend on iasl's version.
 */
DefinitionBlock ("", "DSDT", 2, "VX", "PV-1", 1)
{
	/* SLP_TYP 0 is off: SLP_TYP_S5 in hw/ich9_pm.c. */
	Name (\_S5, Package () { 0, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 1, 8)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
			})
		}

		/* hw/pvpanic.c, by the name under which systems know it. */
		Device (PEVT)
		{
			Name (_HID, "QEMU0001")
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0505, 0x0505, 1, 1)
			})
		}
	}
}
