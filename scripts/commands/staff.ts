// `commerce staff`: the people who work for the shop. Each is recorded as the actor of everything done with their token.
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Staff, StaffView } from '../../commands/identity/staff.js';
import { STAFF_ROLES, type StaffRole } from '../../domain/kernel/role.js';
import { staffIdSchema, staffNameSchema } from '../../domain/staff/events.js';
import { withStaff } from '../open-staff.js';
import { type CommonOptions, withJson, withProfile } from '../options.js';
import { table } from '../table.js';

interface RoleOptions extends CommonOptions {
  role: StaffRole;
}

export function staffCommand(): Command {
  return new Command('staff')
    .description('manage the members of staff: add, change a role, remove, list')
    .addCommand(
      command('add')
        .description('add a member; `token --staff ID` then makes a token for them')
        .argument('<name>', 'the name of the member', nameOf)
        .addOption(roleOption())
        .action((name: string, { role, ...options }: RoleOptions) =>
          act(options, (staff) => staff.add(name, role), added),
        ),
    )
    .addCommand(
      command('change')
        .description('change the role of a member; it applies to their tokens within seconds')
        .argument('<id>', 'as `staff list` shows it', staffId)
        .addOption(roleOption())
        .action((id: string, { role, ...options }: RoleOptions) =>
          act(options, (staff) => staff.changeRole(id, role), changed),
        ),
    )
    .addCommand(
      command('remove')
        .description('remove a member; their tokens stop working within seconds')
        .argument('<id>', 'as `staff list` shows it', staffId)
        .action((id: string, options: CommonOptions) => act(options, (staff) => staff.remove(id), removed)),
    )
    .addCommand(
      command('list')
        .description('list all members, including removed ones')
        .action((options: CommonOptions) => act(options, (staff) => staff.list(), listed)),
    );
}

const command = (name: string) => withJson(withProfile(new Command(name)));

const roleOption = () =>
  new Option('--role <role>', 'role of the member (required)').choices(STAFF_ROLES).makeOptionMandatory();

async function act<T>(
  options: CommonOptions,
  what: (staff: Staff) => Promise<T>,
  told: (done: T) => string,
): Promise<void> {
  const done = await withStaff(options, what);
  console.log(options.json ? JSON.stringify(Array.isArray(done) ? { data: done } : done) : told(done));
}

const calledOf = ({ name, id }: StaffView): string => (name === undefined ? id : `${name} (${id})`);

const added = (one: StaffView): string =>
  `Added ${calledOf(one)} with the role ${one.role}. To make a token: commerce token --staff ${one.id}`;
const changed = (one: StaffView): string => `${calledOf(one)} now has the role ${one.role}.`;
const removed = (one: StaffView): string => `Removed ${calledOf(one)}.`;

function listed(members: readonly StaffView[]): string {
  if (members.length === 0) return 'There are no members of staff yet; `commerce staff add NAME --role ROLE` adds one.';
  return table({
    head: ['id', 'name', 'role', 'status', 'added'],
    rows: members.map(({ id, name = '(forgotten)', role, status, addedAt }) => [id, name, role, status, addedAt]),
  });
}

function nameOf(text: string): string {
  const name = staffNameSchema.safeParse(text);
  if (name.success) return name.data;
  throw new InvalidArgumentError(`The name ${name.error.issues.map(({ message }) => message).join('; ')}.`);
}

export function staffId(text: string): string {
  if (staffIdSchema.safeParse(text).success) return text;
  throw new InvalidArgumentError('An id looks like staff_01KC…; `commerce staff list` shows the ids.');
}
